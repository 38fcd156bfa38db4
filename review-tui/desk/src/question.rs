//! What a screen asks of the archives. A question knows how to answer itself, and does so on the thread that reads; the
//! answer comes back as a message to the screen that holds its number.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use super::library::Library;

/// A question.
pub trait Question: fmt::Debug + Send + Sync + 'static {
    /// What is told: plain, clean data.
    type Answer: Send + Sync + 'static;

    /// Answers it. This is called away from the screen, and may read.
    fn answer(&self, library: &Library) -> Self::Answer;
}

/// A question of any kind.
trait AnyQuestion: fmt::Debug + Send + Sync {
    fn answer(&self, library: &Library) -> Answer;
    fn as_any(&self) -> &dyn Any;
}

impl<Q: Question> AnyQuestion for Q {
    fn answer(&self, library: &Library) -> Answer {
        Answer::new(Question::answer(self, library))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A question on its way to the thread that reads.
#[derive(Clone, Debug)]
pub struct Asking(Arc<dyn AnyQuestion>);

impl Asking {
    /// Sends a question off.
    pub fn new(question: impl Question) -> Asking {
        Asking(Arc::new(question))
    }

    /// Answers it.
    pub fn answer(&self, library: &Library) -> Answer {
        self.0.answer(library)
    }

    /// The question as what it is, where it is that.
    pub fn of<Q: Question>(&self) -> Option<&Q> {
        self.0.as_any().downcast_ref()
    }
}

impl PartialEq for Asking {
    /// Whether it is the very same question, not whether it asks the same.
    fn eq(&self, other: &Asking) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// An answer on its way back.
#[derive(Clone)]
pub struct Answer(Arc<dyn Any + Send + Sync>);

impl Answer {
    /// Sends an answer off.
    pub fn new(answer: impl Any + Send + Sync) -> Answer {
        Answer(Arc::new(answer))
    }

    /// The answer as what it is, where it is that.
    pub fn of<T: 'static>(&self) -> Option<&T> {
        self.0.downcast_ref()
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Answer")
    }
}
