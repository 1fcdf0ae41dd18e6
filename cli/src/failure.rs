//! [`Failure`]: why a command failed.

/// Any error: the program only prints it.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Adds what failed to an error.
pub(crate) fn context(what: impl Into<String>, error: impl Into<Failure>) -> Failure {
    Box::new(WithContext {
        what: what.into(),
        error: error.into(),
    })
}

#[derive(Debug)]
pub(crate) struct WithContext {
    pub(crate) what: String,
    pub(crate) error: Failure,
}

impl std::fmt::Display for WithContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for WithContext {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.error)
    }
}
