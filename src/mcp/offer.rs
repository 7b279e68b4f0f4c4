//! What a server offers beside the protocol: tools, resources, prompts, and completions of their arguments.
//!
//! The protocol is [`Service`](super::Service)'s: it reads messages, pages lists, signs states, writes what each revision
//! has. An [`Offer`] says what there is and what happens when somebody asks for it. It waits for nothing and keeps no
//! track of who asked: what takes time is a job or a [`Script`].
//!
//! Offers are asked in order, and the first that does not answer `None` has answered.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::value::RawValue;

use super::cursor::Maker;
use super::entry::{PromptEntry, ResourceEntry, TemplateEntry, ToolEntry};
use super::script::{Hears, Question, Script};
use super::tasks::Mode;
use super::{Abilities, Revision};
use crate::backend::job::Work;
use crate::backend::kept::{Kept, Share, Who};
use crate::secret::Login;
use crate::time::{Instant, Now};
use crate::tools::{Catalogue, Form};
use crate::{json, rpc};

/// What a server offers beside the protocol. Everything is optional.
pub trait Offer: fmt::Debug + Send {
    /// What can change while the server runs; asked once, at the start.
    fn changeable(&self) -> Changeable {
        Changeable::default()
    }

    /// What has changed since the last time. The server asks after every message and tells those who listen.
    fn take_changes(&mut self) -> Changes {
        Changes::default()
    }

    /// An answer that was kept of the same question, and how long ago it was given.
    fn kept(&mut self, _share: &Share, _now: Instant) -> Option<(Arc<Kept>, Duration)> {
        None
    }

    /// Keeps what was answered, for others who ask the same.
    fn keep(&mut self, _share: &Share, _kept: &Arc<Kept>, _now: Instant) {}

    /// The tools are under other rulings from now on.
    fn on_catalogue(&mut self, _catalogue: &Arc<Catalogue>) {}

    /// Names that were told to `who` and are nearly `name`.
    fn near(&self, _who: &Who, _name: &str) -> Vec<Box<str>> {
        Vec::new()
    }

    /// The tools, in the order in which they are listed.
    fn tools(&self) -> &[ToolEntry] {
        &[]
    }

    /// The prompts, in the order in which they are listed.
    fn prompts(&self) -> &[PromptEntry] {
        &[]
    }

    /// The resources that are known without asking anybody, in the order in which they are listed.
    fn resources(&self) -> &[ResourceEntry] {
        &[]
    }

    /// The resource templates, in the order in which they are listed.
    fn templates(&self) -> &[TemplateEntry] {
        &[]
    }

    /// Whether [`Offer::list_resources`] has more resources than [`Offer::resources`].
    fn has_found_resources(&self) -> bool {
        false
    }

    /// A page of the resources that have to be looked up. The reply's members are those of `resources/list`; its
    /// `nextCursor` is made by [`Page::cursor`].
    fn list_resources(&mut self, _page: Page, _asked: &Asked<'_>) -> Option<Reply> {
        None
    }

    /// `tools/call`.
    fn call_tool(&mut self, _name: &str, _asked: &Asked<'_>) -> Option<Reply> {
        None
    }

    /// `resources/read`. `None`, and a job that fails because of its object, is told as a resource that is not found.
    fn read_resource(&mut self, _uri: &str, _asked: &Asked<'_>) -> Option<Reply> {
        None
    }

    /// `prompts/get`. Arguments that the entry requires are there; all of them are strings.
    fn prompt(&mut self, _name: &str, _asked: &Asked<'_>) -> Option<Reply> {
        None
    }

    /// `completion/complete`, of an argument that the entry has. The reply's members are
    /// [`completion::members`](super::completion::members).
    fn complete(&mut self, _of: &Completing<'_>, _asked: &Asked<'_>) -> Option<Reply> {
        None
    }
}

/// What can change while the server runs. Only this is promised to clients.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Changeable {
    /// The list of tools.
    pub tools: bool,
    /// The list of prompts.
    pub prompts: bool,
    /// The list of resources.
    pub resources: bool,
    /// Contents of resources: they can be subscribed to.
    pub contents: bool,
}

/// What has changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// The list of tools.
    pub tools: bool,
    /// The list of prompts.
    pub prompts: bool,
    /// The list of resources.
    pub resources: bool,
    /// Resources with other contents than before.
    pub updated: Vec<Box<str>>,
}

impl Changes {
    /// Whether nothing has changed.
    pub fn is_empty(&self) -> bool {
        !(self.tools || self.prompts || self.resources) && self.updated.is_empty()
    }

    /// Adds what changed elsewhere.
    pub fn extend(&mut self, other: Self) {
        self.tools |= other.tools;
        self.prompts |= other.prompts;
        self.resources |= other.resources;
        self.updated.extend(other.updated);
    }
}

/// What is known of who asks, and how.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// What the reply is written in.
    pub revision: Revision,
    /// What the revision wants around the members of the result: jobs and scripts reply with
    /// [`Form::object`], the whole result.
    pub form: Form,
    /// What the client can be asked for.
    pub abilities: Abilities,
    /// What the caller is known by; empty where nobody is.
    pub principal: &'a [u8],
    /// The `arguments` member.
    pub arguments: Option<&'a RawValue>,
    /// The client's answers to the questions of [`Reply::InputRequired`], by key.
    pub answers: Option<&'a RawValue>,
    /// The state that was given out with those questions. It is this server's, for this caller and call, and fresh.
    pub state: Option<&'a [u8]>,
    /// What the caller wants to hear before the reply; a script's notices go there by themselves.
    pub hears: &'a Hears,
    /// Whether the call may become a task. Then a script's questions wait until its client looks for them, in every
    /// revision.
    pub mode: Mode,
    /// The login that the caller's statements run with; `None`: the server's. What was told to one is none of another's.
    pub login: Option<&'a Arc<Login>>,
    /// The time.
    pub now: Now,
}

impl<'a> Asked<'a> {
    /// The argument called `name`, if it is there and not `null`.
    pub fn argument(&self, name: &str) -> Option<&'a RawValue> {
        member(self.arguments, name)
    }

    /// The same for an argument that is text.
    pub fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        self.argument(name).and_then(json::text)
    }

    /// The client's answer to the question with this key: an object, as the question's method defines its result.
    pub fn answer(&self, key: &str) -> Option<&'a RawValue> {
        member(self.answers, key).filter(|answer| json::is_object(answer))
    }
}

/// The first member of `object` called `name` that is not `null`.
pub(super) fn member<'a>(object: Option<&'a RawValue>, name: &str) -> Option<&'a RawValue> {
    let mut found = None;
    let _ = json::each_member(object?.get(), |member, value| {
        if member == name && found.is_none() {
            found = Some(value);
        }
    });
    found.filter(|value| value.get() != "null")
}

/// What an offer answers.
#[derive(Debug)]
pub enum Reply {
    /// The members of the result, without the braces around them and without what the revision adds.
    Result(Vec<u8>),
    /// An error.
    Error(rpc::Error),
    /// A job, whose renderer makes the whole result.
    Work(Box<Work>),
    /// A call that goes on by itself, whose end is the whole result.
    Script(Box<dyn Script>),
    /// Questions to the client, which calls again with the answers. Only where [`Revision::is_modern`]; legacy clients
    /// are asked by a script.
    InputRequired {
        /// What is asked, by key. Only what [`Asked::abilities`] has.
        questions: Vec<(&'static str, Question)>,
        /// Comes back with the answers, see [`Asked::state`]. Signed, not encrypted: the client can read it.
        state: Option<Vec<u8>>,
    },
    /// The call needs an ability that the client has not.
    MissingCapability(Ability),
}

/// One of [`Abilities`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ability {
    /// Asks a person.
    Elicitation,
    /// Asks a model.
    Sampling,
    /// Tells its folders.
    Roots,
}

impl Ability {
    /// `requiredCapabilities` of an error, as JSON.
    pub const fn required(self) -> &'static str {
        match self {
            Self::Elicitation => r#"{"elicitation":{}}"#,
            Self::Sampling => r#"{"sampling":{}}"#,
            Self::Roots => r#"{"roots":{}}"#,
        }
    }

    /// Its name in capabilities.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Elicitation => "elicitation",
            Self::Sampling => "sampling",
            Self::Roots => "roots",
        }
    }

    /// Whether a client with these has it.
    pub const fn is_among(self, abilities: Abilities) -> bool {
        match self {
            Self::Elicitation => abilities.elicitation,
            Self::Sampling => abilities.sampling,
            Self::Roots => abilities.roots,
        }
    }

    /// The ability that the server's request `method` needs.
    pub fn of_method(method: &str) -> Option<Self> {
        match method {
            "elicitation/create" => Some(Self::Elicitation),
            "sampling/createMessage" => Some(Self::Sampling),
            "roots/list" => Some(Self::Roots),
            _ => None,
        }
    }
}

/// What is being completed.
#[derive(Debug, Clone, Copy)]
pub struct Completing<'a> {
    /// Of what the argument is one.
    pub subject: Subject<'a>,
    /// Name of the argument.
    pub argument: &'a str,
    /// What is written of its value so far.
    pub value: &'a str,
}

/// What has arguments that can be completed. The arguments that are known already are [`Asked::arguments`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject<'a> {
    /// The prompt of this name.
    Prompt(&'a str),
    /// The resource template with this text.
    Template(&'a str),
}

/// A page of a list that has to be looked up.
#[derive(Debug, Clone)]
pub struct Page {
    /// Where the page before ended, as its maker said; `None` for the first.
    pub after: Option<String>,
    /// Entries of a page.
    pub entries_max: usize,
    /// Makes `nextCursor`.
    pub cursor: Maker,
}
