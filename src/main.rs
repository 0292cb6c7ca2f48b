//! The program.
fn main() -> anyhow::Result<()> {
    pentimento::shell::run(pentimento::engine::painter::Options::default())
}
