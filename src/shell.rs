//! Stub.

/// Stub.
///
/// # Errors
/// Always.
pub fn run() -> anyhow::Result<()> {
    anyhow::bail!("no window in this build")
}
