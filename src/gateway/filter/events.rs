//! Lists of tools in event streams: event by event, each as soon as it is whole.

use bytes::{Bytes, BytesMut};

use super::{Error, Passed, View};
use crate::protocol::sse::{Event, Parser};

/// An event stream on its way to a caller who may not see every tool.
#[derive(Debug)]
pub struct Events {
    view: View,
    /// `None` once the stream is over.
    parser: Option<Parser>,
    /// Why it must end once the events before were handed out.
    failure: Option<Error>,
}

impl Events {
    /// Nothing has passed yet.
    pub fn new(view: View) -> Self {
        let parser = Some(Parser::new(view.limit));
        Self {
            view,
            parser,
            failure: None,
        }
    }

    /// What goes on to the client now that these bytes came; may be nothing.
    ///
    /// # Errors
    /// The stream must end here; whole events before the one that is to blame were handed out.
    pub fn pass(&mut self, bytes: &[u8]) -> Result<Bytes, Error> {
        let mut passed = BytesMut::new();
        match self.look(bytes, &mut passed) {
            Ok(()) => Ok(passed.freeze()),
            Err(error) => {
                self.view.refused(&error);
                self.parser = None;
                if passed.is_empty() {
                    return Err(error);
                }
                self.failure = Some(error);
                Ok(passed.freeze())
            }
        }
    }

    /// Why the stream ends, once.
    pub const fn failure(&mut self) -> Option<Error> {
        self.failure.take()
    }

    fn look(&mut self, bytes: &[u8], passed: &mut BytesMut) -> Result<(), Error> {
        let Some(parser) = &mut self.parser else {
            return Ok(());
        };
        parser.push(bytes);
        let limit = self.view.limit;
        while let Some(event) = parser.next_event().map_err(|_| Error::TooLarge { limit })? {
            match cut(&self.view, &event)? {
                Some(event) => passed.extend_from_slice(event.raw()),
                None => passed.extend_from_slice(event.raw()),
            }
        }
        // Comments keep a connection alive, also those that no blank line follows.
        if let Some(comments) = parser.take_comments() {
            passed.extend_from_slice(&comments);
        }
        Ok(())
    }

    /// The stream is over: what is left of it, once. Clients ignore an event without an end; one that could hold a list
    /// stays here.
    pub fn finish(&mut self) -> Bytes {
        let rest = self.parser.take().map(Parser::into_rest);
        rest.filter(|rest| !crate::protocol::listing::may_hold_tools(rest))
            .unwrap_or_default()
    }

    /// Whether nothing more will come.
    pub const fn is_over(&self) -> bool {
        self.parser.is_none() && self.failure.is_none()
    }
}

/// The event that goes on in the place of this one; `None`: itself.
fn cut(view: &View, event: &Event) -> Result<Option<Event>, Error> {
    let Some(data) = event.data() else {
        return Ok(None);
    };
    Ok(match view.restrict(&data)? {
        Passed::AsItCame { .. } => None,
        Passed::Cut(text) => Some(event.with_data(&text)),
    })
}
