//! Downloads to a local path: options, and the methods that start a download.

use std::path::PathBuf;
use std::sync::Arc;

use crate::error::Error;
use crate::transfer::disk::TargetPath;
use crate::transfer::download::builder::FileDownload;
use crate::transfer::download::verify::Downloaded;

/// The maximum number of ranges downloaded in parallel.
const MAX_CONCURRENCY: usize = 1_000;

impl FileDownload {
    /// Sets the maximum number of byte ranges downloaded in parallel to a path. Defaults to 4, at
    /// most 1,000.
    ///
    /// A download starts with one call for the whole file. While it mostly waits for the network,
    /// rather than for the disk or for SHA-1 verification, it adds parallel ranges, each of about
    /// the account's [recommended part size](crate::api::Session::recommended_part_size) (larger
    /// in a file of more than 10,000 such parts), and smaller ones towards the end of the file. The
    /// first response is then read only up to the first added range, and its connection closed. B2
    /// may have sent, and billed as downloaded, as many more bytes as the buffers of that connection
    /// hold: at most a few MiB, once for each file. With 1, or with a
    /// [bandwidth limit](crate::ClientBuilder::bandwidth_limit), there is no other call.
    ///
    /// Each range uses up to 1 MiB of memory, or twice the backend's read size if that is more.
    pub fn concurrency(mut self, ranges: usize) -> Self {
        self.path_options.concurrency = ranges.clamp(1, MAX_CONCURRENCY);
        self
    }

    /// Downloads in ranges of this many bytes from the beginning, even if that is not faster. A
    /// file that is not larger takes one call.
    pub fn range_size(mut self, bytes: u64) -> Self {
        self.path_options.range_size = Some(bytes.max(1));
        self
    }

    /// Resumes an interrupted download to the same path. If this download is interrupted (by an
    /// error, a drop, or the end of the process), its partial file is kept.
    ///
    /// The partial file is a hidden file next to the path. A small state file, without secrets,
    /// records which bytes of which version it holds, and only that version is resumed. If the file
    /// has a SHA-1, the resumed bytes are verified with the rest. If not, they are used only if the
    /// state is signed with a key derived from the application key, for that very file on this
    /// disk. So with another application key the download starts over.
    ///
    /// A concurrent download to the same path uses a separate partial file and is not resumable.
    pub const fn resume(mut self) -> Self {
        self.path_options.resume = true;
        self
    }

    /// Sets the local file's modification time from `src_last_modified_millis` in the file info. A
    /// time that the system can't represent is ignored.
    pub const fn modified_time(mut self) -> Self {
        self.path_options.modified_time = true;
        self
    }

    /// Sets how the new file replaces the existing one.
    #[cfg(feature = "sync")]
    pub(crate) fn commit(mut self, commit: crate::transfer::commit::Commit) -> Self {
        self.path_options.commit = commit;
        self
    }

    /// Downloads to this path. The new file replaces any existing one atomically, once it is
    /// complete, verified and synced to disk.
    ///
    /// The bytes are written to a hidden file in the same directory, accessible only to its owner
    /// (mode 600 on Unix). When complete, it gets the mode of the file that it replaces, or the
    /// default mode of a new file, and is renamed. A symbolic link at the path is replaced, not
    /// followed; links in parent directories are followed, see
    /// [`to_path_below`](Self::to_path_below). Directories, pipes and devices are not replaced.
    ///
    /// Partial files left behind by killed downloads without [`resume`](Self::resume) are removed.
    /// After a SHA-1 mismatch the file is downloaded again, at most twice, and not again if the
    /// same wrong content arrives twice.
    ///
    /// On systems other than Unix, the standard library reports neither a file's owner nor its
    /// number of hard links. There, a user who can write to the directory can substitute another
    /// file of yours for the partial file while it is written, so don't download into directories
    /// that other users can write to.
    ///
    /// # Errors
    /// - [`Destination`](crate::ErrorKind::Destination): a local I/O error, or something other than
    ///   a regular file is in the way.
    /// - [`Invalid`](crate::ErrorKind::Invalid): the path ends in a name that is reserved for
    ///   partial files (it starts with a dot and contains `.b2part`), or the file name is invalid.
    /// - [`NotFound`](crate::ErrorKind::NotFound): the file does not exist or is hidden.
    /// - [`Unauthorized`](crate::ErrorKind::Unauthorized): the key may not read it.
    /// - [`CapExceeded`](crate::ErrorKind::CapExceeded): the account's download cap is reached.
    /// - [`Integrity`](crate::ErrorKind::Integrity): the content doesn't match the file's SHA-1, or
    ///   can't be verified although this is [required](Self::require_verified).
    /// - [`Credentials`](crate::ErrorKind::Credentials),
    ///   [`TooManyRequests`](crate::ErrorKind::TooManyRequests),
    ///   [`Rejected`](crate::ErrorKind::Rejected), [`Unavailable`](crate::ErrorKind::Unavailable),
    ///   [`Http`](crate::ErrorKind::Http), [`Protocol`](crate::ErrorKind::Protocol): a call failed
    ///   after its retries.
    /// - [`ShutDown`](crate::ErrorKind::ShutDown): the client is shutting down.
    ///
    /// # Cancellation
    /// Dropping the future closes the connections, and removes the partial file or keeps it for
    /// [`resume`](Self::resume). A job already running on another thread completes: it may still
    /// rename a complete, verified file.
    pub async fn to_path<P: Into<PathBuf> + Send>(self, path: P) -> Result<Downloaded, Error> {
        self.download_to(path.into()).await
    }

    async fn download_to(self, path: PathBuf) -> Result<Downloaded, Error> {
        let key = self.client.signing_key();
        let target = path.clone();
        let find = move || TargetPath::at(&path, key.clone());
        let outcome = self.write_to_path(&target, Arc::new(find)).await;
        outcome.map_err(|error| self.with_file(error))
    }

    /// Downloads to an untrusted path below `root`, such as one from
    /// [`safe_local_path`](crate::transfer::safe_local_path).
    ///
    /// Works like [`to_path`](Self::to_path), but follows no symbolic link below `root`, so the
    /// file can't end up outside it. Missing directories below `root` are created.
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
    /// - [`Destination`](crate::ErrorKind::Destination): a local I/O error, a directory in the path
    ///   is a symbolic link, `path` leaves `root`, or something other than a regular file is in the
    ///   way.
    /// - [`Invalid`](crate::ErrorKind::Invalid): the path ends in a name that is reserved for
    ///   partial files, or the file name is invalid.
    /// - [`NotFound`](crate::ErrorKind::NotFound): the file does not exist or is hidden.
    /// - [`Unauthorized`](crate::ErrorKind::Unauthorized): the key may not read it.
    /// - [`CapExceeded`](crate::ErrorKind::CapExceeded): the account's download cap is reached.
    /// - [`Integrity`](crate::ErrorKind::Integrity): the content doesn't match the file's SHA-1, or
    ///   can't be verified although this is [required](Self::require_verified).
    /// - [`Credentials`](crate::ErrorKind::Credentials),
    ///   [`TooManyRequests`](crate::ErrorKind::TooManyRequests),
    ///   [`Rejected`](crate::ErrorKind::Rejected), [`Unavailable`](crate::ErrorKind::Unavailable),
    ///   [`Http`](crate::ErrorKind::Http), [`Protocol`](crate::ErrorKind::Protocol): a call failed
    ///   after its retries.
    /// - [`ShutDown`](crate::ErrorKind::ShutDown): the client is shutting down.
    ///
    /// # Cancellation
    /// As for [`to_path`](Self::to_path). Created directories remain.
    pub async fn to_path_below<R, P>(self, root: R, path: P) -> Result<Downloaded, Error>
    where
        R: Into<PathBuf> + Send,
        P: Into<PathBuf> + Send,
    {
        self.download_below(root.into(), path.into()).await
    }

    async fn download_below(self, root: PathBuf, path: PathBuf) -> Result<Downloaded, Error> {
        let key = self.client.signing_key();
        let target = root.join(&path);
        let find = move || TargetPath::below(&root, &path, key.clone());
        let outcome = self.write_to_path(&target, Arc::new(find)).await;
        outcome.map_err(|error| self.with_file(error))
    }
}
