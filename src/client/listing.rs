//! Listings of any length, as one stream.

use std::vec;

use futures_core::Stream;
use futures_util::stream;

use super::Client;
use crate::api::Paged;
use crate::error::{Error, ErrorKind};

impl Client {
    /// Makes a paged call page by page, as one stream of its items. A page is asked for when the items of the one
    /// before are used up.
    ///
    /// An empty page is not the end. Pages have a thousand items, which is what B2 charges as one call, unless the call
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
            next: Some(call.in_full_pages()),
            items: Vec::new().into_iter(),
            last: None,
            landmark: None,
            asked: 0,
        };
        stream::try_unfold(pages, async |mut pages| {
            let item = pages.item().await?;
            Ok(item.map(|item| (item, pages)))
        })
    }
}

struct Pages<C: Paged> {
    client: Client,
    next: Option<C>,
    items: vec::IntoIter<C::Item>,
    last: Option<C::Cursor>,
    /// A cursor that was passed. It moves on at every power of two, so that any circle comes back to it.
    landmark: Option<C::Cursor>,
    asked: u64,
}

impl<C: Paged> Pages<C> {
    async fn item(&mut self) -> Result<Option<C::Item>, Error> {
        loop {
            if let Some(item) = self.items.next() {
                return Ok(Some(item));
            }
            let Some(call) = self.next.take() else {
                return Ok(None);
            };
            let output = self.client.call(call.clone()).await?;
            let (items, cursor) = call.page(output);
            self.items = items.into_iter();
            let Some(cursor) = cursor else { continue };
            if [&self.last, &self.landmark]
                .into_iter()
                .any(|passed| passed.as_ref() == Some(&cursor))
            {
                let circle = Error::new(
                    ErrorKind::Protocol,
                    "B2 leads in a circle: a page starts where one did before",
                );
                return Err(circle.in_call(C::FACTS.name, 1, std::time::Duration::ZERO));
            }
            self.asked += 1;
            if self.asked.is_power_of_two() {
                self.landmark = Some(cursor.clone());
            }
            self.next = Some(call.starting_at(&cursor));
            self.last = Some(cursor);
        }
    }
}
