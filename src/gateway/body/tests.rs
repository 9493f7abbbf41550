//! Silence at the limits as shipped, by a paused clock; sockets are in the integration tests.

use tokio::sync::mpsc;

use super::*;

const STREAM_IDLE: Duration = Duration::from_mins(5);

/// A body that is what the test sends.
struct Told(mpsc::Receiver<Bytes>);

impl Body for Told {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        self.0
            .poll_recv(context)
            .map(|data| data.map(|data| Ok(Frame::data(data))))
    }
}

/// A comment after each pause of so long.
struct Commenting {
    pause: Duration,
    next: Pin<Box<Sleep>>,
}

impl Commenting {
    fn every(seconds: u64) -> Self {
        let pause = Duration::from_secs(seconds);
        Self {
            pause,
            next: Box::pin(sleep_until(Instant::now() + pause)),
        }
    }
}

impl Body for Commenting {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        ready!(self.next.as_mut().poll(context));
        let next = Instant::now() + self.pause;
        self.next.as_mut().reset(next);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b":\n\n")))))
    }
}

async fn next<B>(body: &mut B, timer: &mut SilenceTimer) -> Option<Result<Bytes, Error>>
where
    B: Body<Data = Bytes, Error = hyper::Error> + Unpin,
{
    let frame = std::future::poll_fn(|context| poll_data(body, timer, context)).await;
    frame.map(|frame| frame.map(|frame| frame.into_data().unwrap()))
}

#[tokio::test(start_paused = true)]
async fn a_stream_lives_for_days_on_comments_just_within_the_limit() {
    let mut body = Commenting::every(STREAM_IDLE.as_secs() - 1);
    let mut timer = SilenceTimer::new(STREAM_IDLE);
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_hours(72) {
        assert!(matches!(next(&mut body, &mut timer).await, Some(Ok(_))));
    }
}

#[tokio::test(start_paused = true)]
async fn silence_ends_a_body_exactly_at_its_limit() {
    let mut body = Commenting::every(STREAM_IDLE.as_secs() + 1);
    let mut timer = SilenceTimer::new(STREAM_IDLE);
    let begin = Instant::now();
    let end = next(&mut body, &mut timer).await;
    assert!(matches!(end, Some(Err(Error::Silent))));
    assert_eq!(begin.elapsed(), STREAM_IDLE);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_ends_a_body_that_still_flows() {
    let mut body = Commenting::every(7);
    let begin = Instant::now();
    let call = Duration::from_mins(10);
    let mut timer = SilenceTimer::new(STREAM_IDLE).until(Some(begin + call));
    while let Some(Ok(_)) = next(&mut body, &mut timer).await {}
    assert_eq!(begin.elapsed(), call);
}

#[tokio::test(start_paused = true)]
async fn the_time_in_which_nobody_asks_is_not_the_senders_silence() {
    let (tell, told) = mpsc::channel(1);
    let (mut body, mut timer) = (Told(told), SilenceTimer::new(STREAM_IDLE));
    tell.send(Bytes::from_static(b"a")).await.unwrap();
    assert!(matches!(next(&mut body, &mut timer).await, Some(Ok(_))));
    // A slow reader: the sender could not send.
    tokio::time::advance(STREAM_IDLE * 3).await;
    tell.send(Bytes::from_static(b"b")).await.unwrap();
    assert!(matches!(next(&mut body, &mut timer).await, Some(Ok(_))));
}
