//! [`cqrs_es::Aggregate`] over [`decide()`] and [`Timeline::evolve`].

use crate::{Refusal, Timeline, TimelineCommand, TimelineEvent, decide};
use cqrs_es::{Aggregate, event_sink::EventSink};

impl Aggregate for Timeline {
    const TYPE: &'static str = "Timeline";
    type Command = TimelineCommand;
    type Event = TimelineEvent;
    type Error = Refusal;
    type Services = ();

    /// Decides first and writes afterwards: the sink applies each event as it is written, so a refusal between two events would leave
    /// this instance changed.
    async fn handle(
        &mut self,
        command: TimelineCommand,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), Refusal> {
        for event in decide(self, &command)? {
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: TimelineEvent) {
        self.evolve(&event);
    }
}
