//! Downloads to a path of the local disk: the options, and the methods that start them.

use std::path::PathBuf;

use crate::error::Error;
use crate::transfer::disk::TargetPath;
use crate::transfer::download::builder::FileDownload;
use crate::transfer::download::verify::Downloaded;

/// The most ranges that are downloaded side by side.
const MAX_CONCURRENCY: usize = 1_000;

impl FileDownload {
    /// Sets how many byte ranges are downloaded side by side into a path. Defaults to 4, at most
    /// 1,000; with 1 the file comes in one stream.
    ///
    /// Each takes up to 1 MiB of memory, or twice what the backend reads at once if that is more.
    pub fn concurrency(mut self, ranges: usize) -> Self {
        self.path_options.concurrency = ranges.clamp(1, MAX_CONCURRENCY);
        self
    }

    /// Sets the size of these ranges, in bytes. Defaults to 64 MiB; a file that is not larger takes
    /// one call.
    pub fn range_size(mut self, bytes: u64) -> Self {
        self.path_options.range_size = bytes.max(1);
        self
    }

    /// Resumes an interrupted download to the same path, and keeps what has arrived if this one is
    /// interrupted: by an error, a drop, or the end of the process.
    ///
    /// What is kept is a hidden file beside the path with the bytes, and a small one that says
    /// which bytes of which version they are; it holds no secret. They are used only for that same
    /// version. A SHA-1 of the file verifies them with the rest. Without one, they are used only if
    /// the small file is signed with a key derived from the application key, for that very file on
    /// this disk. So another application key starts over.
    ///
    /// While one download works on them, another to the same path works on a file of its own.
    pub const fn resume(mut self) -> Self {
        self.path_options.resume = true;
        self
    }

    /// Sets the file's modification time to the one that its uploader stored in
    /// `src_last_modified_millis`. A time that the system can't represent is ignored.
    pub const fn modified_time(mut self) -> Self {
        self.path_options.modified_time = true;
        self
    }

    /// Sets how the new file takes the place of what is there.
    #[cfg(feature = "sync")]
    pub(crate) fn commit(mut self, commit: crate::transfer::commit::Commit) -> Self {
        self.path_options.commit = commit;
        self
    }

    /// Downloads to this path. The path has the old file, or none, until the new one is complete,
    /// verified and flushed to disk.
    ///
    /// The bytes go to a hidden file in the same directory, which only its owner can open (mode 600
    /// on Unix). When it is complete it gets the mode of the file that it replaces, or for a new
    /// file the mode that the umask leaves, and is renamed. A symbolic link at the path is
    /// replaced, not followed; links in the directories on the way are followed, see
    /// [`to_path_below`](Self::to_path_below). A directory, a pipe or a device is not replaced.
    ///
    /// Partial files that killed downloads left behind without [`resume`](Self::resume) are
    /// removed. A file that arrives with the wrong SHA-1 is downloaded again, at most twice, and
    /// not again if the same wrong bytes arrive twice.
    ///
    /// # Errors
    /// - [`Destination`](crate::ErrorKind::Destination): the disk failed, or something that is no
    ///   regular file is in the way.
    /// - [`Invalid`](crate::ErrorKind::Invalid): the path ends in a name that is reserved for
    ///   partial files (it starts with a dot and contains `.b2part`), or no file in B2 can have
    ///   this name.
    /// - [`NotFound`](crate::ErrorKind::NotFound): there is no such file, or it is hidden.
    /// - [`Unauthorized`](crate::ErrorKind::Unauthorized): the key may not read it.
    /// - [`CapExceeded`](crate::ErrorKind::CapExceeded): the account's download cap is reached.
    /// - [`Integrity`](crate::ErrorKind::Integrity): other bytes arrive than were stored, or they
    ///   can't be [verified](Self::require_verified) but have to be.
    /// - [`Credentials`](crate::ErrorKind::Credentials),
    ///   [`TooManyRequests`](crate::ErrorKind::TooManyRequests),
    ///   [`Rejected`](crate::ErrorKind::Rejected), [`Unavailable`](crate::ErrorKind::Unavailable),
    ///   [`Http`](crate::ErrorKind::Http), [`Protocol`](crate::ErrorKind::Protocol): the call that
    ///   failed for good, after its retries.
    /// - [`ShutDown`](crate::ErrorKind::ShutDown): the client is shutting down.
    ///
    /// # Cancellation
    /// Dropping the future closes the connections, and removes the partial file or keeps it for
    /// [`resume`](Self::resume). A job that has begun on another thread runs to its end: it may
    /// still rename a file that is complete and verified.
    pub async fn to_path<P: Into<PathBuf> + Send>(self, path: P) -> Result<Downloaded, Error> {
        let (path, key) = (path.into(), self.client.signing_key());
        let target = path.clone();
        let find = move || TargetPath::at(&path, key.clone());
        let outcome = self.write_to_path(&target, find).await;
        outcome.map_err(|error| self.with_file(error))
    }

    /// Downloads to a path below `root` whose names come from elsewhere, such as those that
    /// [`safe_local_path`](crate::transfer::safe_local_path) returns.
    ///
    /// Works like [`to_path`](Self::to_path), but follows no symbolic link below `root`, so none
    /// can lead the download out of it. Missing directories below `root` are created.
    ///
    /// ```no_run
    /// # use b2kit::{BucketHandle, Error, transfer::safe_local_path};
    /// # async fn download(bucket: BucketHandle, name: &str) -> Result<(), Error> {
    /// let path = safe_local_path(name)?;
    /// bucket.download(name).to_path_below("/srv/restored", path).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// - [`Destination`](crate::ErrorKind::Destination): the disk failed, a directory on the way is a
    ///   symbolic link, `path` does not stay below `root`, or something that is not a regular file is
    ///   in the way.
    /// - [`Invalid`](crate::ErrorKind::Invalid): the path ends in a name that is reserved for
    ///   partial files, or no file in B2 can have this name.
    /// - [`NotFound`](crate::ErrorKind::NotFound): there is no such file, or it is hidden.
    /// - [`Unauthorized`](crate::ErrorKind::Unauthorized): the key may not read it.
    /// - [`CapExceeded`](crate::ErrorKind::CapExceeded): the account's download cap is reached.
    /// - [`Integrity`](crate::ErrorKind::Integrity): other bytes arrive than were stored, or they
    ///   can't be [verified](Self::require_verified) but have to be.
    /// - [`Credentials`](crate::ErrorKind::Credentials),
    ///   [`TooManyRequests`](crate::ErrorKind::TooManyRequests),
    ///   [`Rejected`](crate::ErrorKind::Rejected), [`Unavailable`](crate::ErrorKind::Unavailable),
    ///   [`Http`](crate::ErrorKind::Http), [`Protocol`](crate::ErrorKind::Protocol): the call that
    ///   failed for good, after its retries.
    /// - [`ShutDown`](crate::ErrorKind::ShutDown): the client is shutting down.
    ///
    /// # Cancellation
    /// As for [`to_path`](Self::to_path). Created directories stay.
    pub async fn to_path_below<R, P>(self, root: R, path: P) -> Result<Downloaded, Error>
    where
        R: Into<PathBuf> + Send,
        P: Into<PathBuf> + Send,
    {
        let (root, path, key) = (root.into(), path.into(), self.client.signing_key());
        let target = root.join(&path);
        let find = move || TargetPath::below(&root, &path, key.clone());
        let outcome = self.write_to_path(&target, find).await;
        outcome.map_err(|error| self.with_file(error))
    }
}
