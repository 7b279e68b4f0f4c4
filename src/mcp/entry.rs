//! What lists say of a tool, a resource, a template or a prompt, and how each revision writes it.

use super::Revision;
use super::tasks::Support;
use crate::json;

/// A picture for a list: revisions with icons show it, others leave it out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Icon {
    /// `https:` or `data:` URI.
    pub src: String,
    /// `image/svg+xml`, …
    pub mime_type: Option<String>,
    /// `48x48` or `any`.
    pub sizes: Vec<String>,
}

/// A tool in `tools/list`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToolEntry {
    /// At most 64 characters of `[A-Za-z0-9_./-]`.
    pub name: String,
    /// For people.
    pub title: Option<String>,
    /// For the model.
    pub description: String,
    /// JSON Schema of an object, written as it is.
    pub input_schema: String,
    /// JSON Schema of `structuredContent`, written as it is.
    pub output_schema: Option<String>,
    /// A JSON object.
    pub annotations: Option<String>,
    /// Whether a call can be answered with a task.
    pub task_support: Support,
    /// Pictures.
    pub icons: Vec<Icon>,
}

/// A prompt in `prompts/list`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PromptEntry {
    /// Unique among prompts.
    pub name: String,
    /// For people.
    pub title: Option<String>,
    /// What it is for.
    pub description: String,
    /// What can be filled in.
    pub arguments: Vec<PromptArgument>,
    /// Pictures.
    pub icons: Vec<Icon>,
}

/// An argument of a prompt: always text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PromptArgument {
    /// Unique in its prompt.
    pub name: String,
    /// For people.
    pub title: Option<String>,
    /// What to fill in.
    pub description: String,
    /// Whether the prompt is refused without it.
    pub is_required: bool,
}

/// A resource in `resources/list`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResourceEntry {
    /// What `resources/read` takes.
    pub uri: String,
    /// For programs.
    pub name: String,
    /// For people.
    pub title: Option<String>,
    /// What it holds.
    pub description: String,
    /// Of its contents.
    pub mime_type: Option<String>,
    /// Pictures.
    pub icons: Vec<Icon>,
}

/// A template in `resources/templates/list`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TemplateEntry {
    /// RFC 6570, level 1.
    pub uri_template: String,
    /// For programs.
    pub name: String,
    /// For people.
    pub title: Option<String>,
    /// What its resources hold.
    pub description: String,
    /// Of their contents.
    pub mime_type: Option<String>,
    /// Pictures.
    pub icons: Vec<Icon>,
}

/// What stands in a list.
pub trait Entry {
    /// Appends the JSON object that `revision` defines for it.
    fn push_json(&self, into: &mut Vec<u8>, revision: Revision);
}

impl Entry for ToolEntry {
    fn push_json(&self, into: &mut Vec<u8>, revision: Revision) {
        let mut object = Object::begin(into);
        object.text("name", &self.name);
        object.text("description", &self.description);
        object.json("inputSchema", &self.input_schema);
        object.title(self.title.as_deref(), revision);
        // A legacy schema has an object at its root; stricter clients refuse the whole list for another one.
        let output_schema = self
            .output_schema
            .as_deref()
            .filter(|schema| revision.is_modern() || is_object_schema(schema));
        if let (Some(schema), true) = (output_schema, revision.has_structured_content()) {
            object.json("outputSchema", schema);
        }
        if let (Some(annotations), true) = (&self.annotations, revision.has_annotations()) {
            object.json("annotations", annotations);
        }
        if self.task_support != Support::Forbidden && revision.has_core_tasks() {
            let support = self.task_support.as_str();
            object.json("execution", &format!(r#"{{"taskSupport":"{support}"}}"#));
        }
        object.icons(&self.icons, revision);
        object.end();
    }
}

impl Entry for PromptEntry {
    fn push_json(&self, into: &mut Vec<u8>, revision: Revision) {
        let mut object = Object::begin(into);
        object.label(&self.name, self.title.as_deref(), &self.description, revision);
        if !self.arguments.is_empty() {
            object.list("arguments", &self.arguments, |into, argument| {
                let mut object = Object::begin(into);
                let title = argument.title.as_deref();
                object.label(&argument.name, title, &argument.description, revision);
                object.json("required", if argument.is_required { "true" } else { "false" });
                object.end();
            });
        }
        object.icons(&self.icons, revision);
        object.end();
    }
}

impl Entry for ResourceEntry {
    fn push_json(&self, into: &mut Vec<u8>, revision: Revision) {
        let mut object = Object::begin(into);
        object.text("uri", &self.uri);
        object.label(&self.name, self.title.as_deref(), &self.description, revision);
        object.contents(self.mime_type.as_deref(), &self.icons, revision);
    }
}

impl Entry for TemplateEntry {
    fn push_json(&self, into: &mut Vec<u8>, revision: Revision) {
        let mut object = Object::begin(into);
        object.text("uriTemplate", &self.uri_template);
        object.label(&self.name, self.title.as_deref(), &self.description, revision);
        object.contents(self.mime_type.as_deref(), &self.icons, revision);
    }
}

/// A JSON object that is being written.
#[derive(Debug)]
pub(super) struct Object<'a> {
    into: &'a mut Vec<u8>,
    is_empty: bool,
}

impl<'a> Object<'a> {
    pub(super) fn begin(into: &'a mut Vec<u8>) -> Self {
        into.push(b'{');
        Self { into, is_empty: true }
    }

    pub(super) fn end(self) {
        self.into.push(b'}');
    }

    fn name(&mut self, name: &str) {
        if !self.is_empty {
            self.into.push(b',');
        }
        self.is_empty = false;
        json::push_string(self.into, name);
        self.into.push(b':');
    }

    pub(super) fn text(&mut self, name: &str, text: &str) {
        self.name(name);
        json::push_string(self.into, text);
    }

    /// A member whose value is JSON already.
    pub(super) fn json(&mut self, name: &str, value: &str) {
        self.name(name);
        self.into.extend_from_slice(value.as_bytes());
    }

    pub(super) fn list<T>(&mut self, name: &str, items: &[T], push: impl Fn(&mut Vec<u8>, &T)) {
        self.name(name);
        self.into.push(b'[');
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.into.push(b',');
            }
            push(self.into, item);
        }
        self.into.push(b']');
    }

    /// What everything but a tool begins with.
    fn label(&mut self, name: &str, title: Option<&str>, description: &str, revision: Revision) {
        self.text("name", name);
        self.title(title, revision);
        self.text("description", description);
    }

    /// How what can be read ends.
    fn contents(mut self, mime_type: Option<&str>, icons: &[Icon], revision: Revision) {
        if let Some(mime_type) = mime_type {
            self.text("mimeType", mime_type);
        }
        self.icons(icons, revision);
        self.end();
    }

    fn title(&mut self, title: Option<&str>, revision: Revision) {
        if let Some(title) = title.filter(|_| revision.has_titles()) {
            self.text("title", title);
        }
    }

    pub(super) fn icons(&mut self, icons: &[Icon], revision: Revision) {
        if icons.is_empty() || !revision.has_icons() {
            return;
        }
        self.list("icons", icons, |into, icon| {
            let mut object = Object::begin(into);
            object.text("src", &icon.src);
            if let Some(mime_type) = &icon.mime_type {
                object.text("mimeType", mime_type);
            }
            if !icon.sizes.is_empty() {
                object.list("sizes", &icon.sizes, |into, size| json::push_string(into, size));
            }
            object.end();
        });
    }
}

/// Whether the root of a schema says that it is an object.
fn is_object_schema(schema: &str) -> bool {
    let mut is_object = false;
    let _ = json::each_member(schema, |name, value| {
        is_object |= name == "type" && value.get() == "\"object\"";
    });
    is_object
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(entry: &impl Entry, revision: Revision) -> String {
        let mut into = Vec::new();
        entry.push_json(&mut into, revision);
        String::from_utf8(into).unwrap()
    }

    fn tool(output_schema: &str) -> ToolEntry {
        ToolEntry {
            name: "t".to_owned(),
            title: Some("T".to_owned()),
            description: "d\"".to_owned(),
            input_schema: r#"{"type":"object"}"#.to_owned(),
            output_schema: Some(output_schema.to_owned()),
            annotations: Some(r#"{"readOnlyHint":true}"#.to_owned()),
            task_support: Support::Optional,
            icons: vec![Icon {
                src: "data:,x".to_owned(),
                mime_type: Some("image/svg+xml".to_owned()),
                sizes: vec!["any".to_owned()],
            }],
        }
    }

    #[test]
    fn each_revision_sees_of_a_tool_what_it_defines() {
        let basics = r#"{"name":"t","description":"d\"","inputSchema":{"type":"object"}"#;
        let annotations = r#","annotations":{"readOnlyHint":true}"#;
        let schema = r#","title":"T","outputSchema":{"type":"object"}"#;
        let icons = r#","icons":[{"src":"data:,x","mimeType":"image/svg+xml","sizes":["any"]}]"#;
        let tool = tool(r#"{"type":"object"}"#);
        for (revision, rest) in [
            (Revision::V20241105, String::new()),
            (Revision::V20250326, annotations.to_owned()),
            (Revision::V20250618, format!("{schema}{annotations}")),
            (
                Revision::V20251125,
                format!("{schema}{annotations},\"execution\":{{\"taskSupport\":\"optional\"}}{icons}"),
            ),
            (Revision::V20260728, format!("{schema}{annotations}{icons}")),
        ] {
            assert_eq!(written(&tool, revision), format!("{basics}{rest}}}"));
        }
    }

    #[test]
    fn a_schema_of_something_else_than_an_object_is_for_the_modern_era_only() {
        let tool = tool(r#"{"type":"array"}"#);
        assert!(!written(&tool, Revision::V20251125).contains("outputSchema"));
        assert!(written(&tool, Revision::V20260728).contains(r#""outputSchema":{"type":"array"}"#));
    }

    #[test]
    fn prompts_resources_and_templates_are_written_with_what_they_have() {
        let prompt = PromptEntry {
            name: "p".to_owned(),
            description: "d".to_owned(),
            arguments: vec![PromptArgument {
                name: "a".to_owned(),
                title: Some("A".to_owned()),
                description: "x".to_owned(),
                is_required: true,
            }],
            ..PromptEntry::default()
        };
        assert_eq!(
            written(&prompt, Revision::V20250618),
            r#"{"name":"p","description":"d","arguments":[{"name":"a","title":"A","description":"x","required":true}]}"#
        );
        let resource = ResourceEntry {
            uri: "u:1".to_owned(),
            name: "n".to_owned(),
            description: "d".to_owned(),
            mime_type: Some("text/plain".to_owned()),
            ..ResourceEntry::default()
        };
        assert_eq!(
            written(&resource, Revision::V20241105),
            r#"{"uri":"u:1","name":"n","description":"d","mimeType":"text/plain"}"#
        );
        let template = TemplateEntry {
            uri_template: "u:{x}".to_owned(),
            name: "n".to_owned(),
            title: Some("N".to_owned()),
            description: "d".to_owned(),
            ..TemplateEntry::default()
        };
        assert_eq!(
            written(&template, Revision::V20250618),
            r#"{"uriTemplate":"u:{x}","name":"n","title":"N","description":"d"}"#
        );
    }
}
