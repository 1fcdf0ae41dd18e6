//! Downloads to a path: the options, and where a file may go.

use std::path::PathBuf;

use crate::error::Error;
use crate::transfer::disk::TargetPath;
use crate::transfer::download::builder::FileDownload;
use crate::transfer::download::verify::Downloaded;

/// More ranges than this are not fetched side by side.
const MAX_CONCURRENCY: usize = 1_000;

impl FileDownload {
    /// How many ranges are fetched side by side into a path. Defaults to 4; with 1 the file comes in one stream, and more
    /// than 1,000 are taken as 1,000. Each holds 1 MiB of memory at most, or twice what the backend reads at once.
    pub fn concurrency(mut self, ranges: usize) -> Self {
        self.path_options.concurrency = ranges.clamp(1, MAX_CONCURRENCY);
        self
    }

    /// How many bytes such a range has. Defaults to 64 MiB; a file that is not larger takes one call.
    pub fn range_size(mut self, bytes: u64) -> Self {
        self.path_options.range_size = bytes.max(1);
        self
    }

    /// Goes on with what an earlier download to the same path has left, and leaves what there is if it does not come to its
    /// end: by an error, a drop, or the end of the process.
    ///
    /// What is left is a hidden file beside the path and a small one that says which bytes of which version are in it;
    /// there is no secret in that. They are used only if it is still that version that is downloaded, and checked by its
    /// SHA-1 with the rest. Where there is no SHA-1, they are used only if what they say is signed with a key that is derived
    /// from the application key, about that very file on this disk; else all is fetched again. So another application key
    /// begins anew. While one download has them, another to the same path works apart.
    pub const fn resume(mut self) -> Self {
        self.path_options.resume = true;
        self
    }

    /// Gives the file the time at which its uploader says that it was last modified. A time that the system can't express
    /// is passed over.
    pub const fn modified_time(mut self) -> Self {
        self.path_options.modified_time = true;
        self
    }

    /// Writes the file to this path, which has the old file, or none, until the new one is whole, verified and on the
    /// disk.
    ///
    /// The bytes go to a hidden file in the same directory, which on Unix is only for its owner (mode 600) until it is whole.
    /// Then it gets the mode of the file that it replaces, or the one that the umask leaves to a new file. A link is replaced,
    /// not followed; those on the way to the directory are followed, see [`to_path_below`](Self::to_path_below). A directory,
    /// a pipe or a device is not replaced.
    ///
    /// What killed downloads to the same path have left there without [`resume`](Self::resume) is removed.
    ///
    /// A file that arrives with another SHA-1 than it should have is fetched again, at most twice, and not again if it
    /// arrives the same twice.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if there is no such file or it is hidden,
    /// [`Destination`](crate::ErrorKind::Destination) for what the disk says,
    /// [`Invalid`](crate::ErrorKind::Invalid) for a path whose name begins with a dot and has `.b2part` in it, as those of
    /// files that are not finished, [`Integrity`](crate::ErrorKind::Integrity) if what arrives is not what was stored, and as
    /// any call.
    ///
    /// # Cancellation
    /// Dropping the future closes the connections and removes what was written, or keeps it where it may be
    /// [gone on with](Self::resume). What a thread does at that moment it does to its end: that may be putting a file
    /// that is whole and verified in its place.
    pub async fn to_path<P: Into<PathBuf> + Send>(self, path: P) -> Result<Downloaded, Error> {
        let (path, key) = (path.into(), self.client.signing_key());
        let target = path.clone();
        let find = move || TargetPath::at(&path, key.clone());
        let outcome = self.write_to_path(&target, find).await;
        outcome.map_err(|error| self.named(error))
    }

    /// Downloads to a path below `root` whose names come from elsewhere, as those that
    /// [`safe_local_path`](crate::transfer::safe_local_path) returns: like [`to_path`](Self::to_path), but no link below `root` is
    /// followed, so none can lead the download out of it. MissingRanges directories below `root` are created.
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
    /// As [`to_path`](Self::to_path); [`Destination`](crate::ErrorKind::Destination) too if a directory on the way is a link,
    /// and if `path` does not stay below `root`.
    ///
    /// # Cancellation
    /// As [`to_path`](Self::to_path). Directories stay.
    pub async fn to_path_below<R, P>(self, root: R, path: P) -> Result<Downloaded, Error>
    where
        R: Into<PathBuf> + Send,
        P: Into<PathBuf> + Send,
    {
        let (root, path, key) = (root.into(), path.into(), self.client.signing_key());
        let target = root.join(&path);
        let find = move || TargetPath::below(&root, &path, key.clone());
        let outcome = self.write_to_path(&target, find).await;
        outcome.map_err(|error| self.named(error))
    }
}
