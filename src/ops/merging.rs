//! Which tokens of a sequence stand for others: the plan of [`super::Ops::merge`] and
//! [`super::Ops::spread`].

/// For each image of a batch, groups of its tokens; all images have as many groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merging {
    images: Vec<Groups>,
    kept: usize,
}

/// The groups of one image's tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Groups {
    /// The group of each token.
    pub of_token: Vec<u32>,
    /// The tokens, group by group.
    members: Vec<u32>,
    /// Where the groups begin in `members`, and its end.
    begins: Vec<u32>,
}

impl Merging {
    /// Groups by image: `of_token` names each token's group, each group below `kept` has a token.
    #[must_use]
    pub fn new(of_token: Vec<Vec<u32>>, kept: usize) -> Self {
        Self { images: of_token.into_iter().map(|image| Groups::new(image, kept)).collect(), kept }
    }

    /// The images' groups.
    #[must_use]
    pub fn images(&self) -> &[Groups] {
        &self.images
    }

    /// How many groups an image has.
    #[must_use]
    pub fn kept(&self) -> usize {
        self.kept
    }
}

impl Groups {
    fn new(of_token: Vec<u32>, kept: usize) -> Self {
        let mut begins = vec![0; kept + 1];
        for group in &of_token {
            begins[*group as usize + 1] += 1;
        }
        for group in 0..kept {
            begins[group + 1] += begins[group];
        }
        let mut next = begins.clone();
        let mut members = vec![0; of_token.len()];
        for (token, group) in of_token.iter().enumerate() {
            let place = &mut next[*group as usize];
            members[*place as usize] = token as u32;
            *place += 1;
        }
        Self { of_token, members, begins }
    }

    /// The tokens of a group.
    #[must_use]
    pub fn members(&self, group: usize) -> &[u32] {
        &self.members[self.begins[group] as usize..self.begins[group + 1] as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_the_tokens_of_their_group() {
        let merging = Merging::new(vec![vec![2, 0, 1, 0], vec![1, 1, 2, 0]], 3);
        let [a, b] = merging.images() else { panic!("two images") };
        assert_eq!([a.members(0), a.members(1), a.members(2)], [&[1, 3][..], &[2], &[0]]);
        assert_eq!([b.members(0), b.members(1), b.members(2)], [&[3][..], &[0, 1], &[2]]);
    }
}
