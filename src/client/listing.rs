//! Listings of any length, as one stream.

use futures_core::Stream;
use futures_util::{TryStreamExt as _, stream};

use super::Client;
use crate::api::Paged;
use crate::error::{Error, ErrorKind};

impl Client {
    /// Makes a paged call page by page, as one stream of its items. A page is asked for when the items of the one
    /// before are used up.
    ///
    /// The stream is not `Unpin`: [`pin!`](std::pin::pin) or box it. An empty page is not the end. Pages have a thousand items, which is what B2 charges as one call, unless the call
    /// says otherwise.
    ///
    /// ```
    /// # use b2kit::{Client, Error, api::ListFileNames, types::BucketId};
    /// # use futures::TryStreamExt;
    /// # async fn names(b2: Client, bucket_id: BucketId) -> Result<(), Error> {
    /// let mut files = std::pin::pin!(b2.stream(ListFileNames::new(bucket_id).prefix("2026/")));
    /// while let Some(file) = files.try_next().await? {
    ///     println!("{}", file.file_name());
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// The stream ends after an error. One that says that B2 leads in a circle is a
    /// [`Protocol`](ErrorKind::Protocol) error.
    pub fn stream<C: Paged + 'static>(
        &self,
        call: C,
    ) -> impl Stream<Item = Result<C::Item, Error>> + Send + use<C> {
        let pages = Pages {
            client: self.clone(),
            next: Next::Call(call.in_full_pages()),
            last: None,
            landmark: None,
            asked: 0,
        };
        // Page by page and not item by item: a page's future is large, and would be moved for each.
        let pages = stream::try_unfold(pages, async |mut pages| {
            let page = pages.page().await?;
            Ok::<_, Error>(page.map(|page| (page, pages)))
        });
        pages
            .map_ok(|page| stream::iter(page.into_iter().map(Ok)))
            .try_flatten()
    }
}

struct Pages<C: Paged> {
    client: Client,
    next: Next<C>,
    last: Option<C::Cursor>,
    /// A cursor that was passed. It moves on at every power of two, so that any circle comes back to it.
    landmark: Option<C::Cursor>,
    asked: u64,
}

enum Next<C> {
    Call(C),
    Circle,
    End,
}

impl<C: Paged> Pages<C> {
    async fn page(&mut self) -> Result<Option<Vec<C::Item>>, Error> {
        let call = match std::mem::replace(&mut self.next, Next::End) {
            Next::Call(call) => call,
            Next::End => return Ok(None),
            Next::Circle => {
                let circle = Error::new(
                    ErrorKind::Protocol,
                    "B2 leads in a circle: a page starts where one did before",
                );
                return Err(circle.in_call(C::FACTS.name, 1, std::time::Duration::ZERO));
            }
        };
        let output = self.client.call(call.clone()).await?;
        let (items, cursor) = call.page(output);
        if let Some(cursor) = cursor {
            self.next = self.from(call, cursor);
        }
        Ok(Some(items))
    }

    fn from(&mut self, call: C, cursor: C::Cursor) -> Next<C> {
        if [&self.last, &self.landmark]
            .into_iter()
            .any(|passed| passed.as_ref() == Some(&cursor))
        {
            return Next::Circle;
        }
        self.asked += 1;
        if self.asked.is_power_of_two() {
            self.landmark = Some(cursor.clone());
        }
        let next = call.starting_at(&cursor);
        self.last = Some(cursor);
        Next::Call(next)
    }
}
