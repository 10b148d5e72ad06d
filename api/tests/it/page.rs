//! Pages as tests read them.

use crate::fixture::ServiceFixture;
use phaseline_tests::http::HttpResponse;

/// Elements without an end.
const VOID: [&str; 6] = ["meta", "link", "input", "br", "hr", "img"];

/// A page.
pub(crate) struct Page {
    pub(crate) text: String,
}

impl Page {
    /// Gets a page with the fixture's token; its markup is checked.
    pub(crate) async fn get(fixture: &ServiceFixture, path: &str) -> Self {
        Self::with(fixture, &fixture.token, path, 200).await
    }

    /// The same with another token and status.
    pub(crate) async fn with(fixture: &ServiceFixture, token: &str, path: &str, status: u16) -> Self {
        Self::of(&fixture.service.client.get(path).bearer(token).send().await.is(status))
    }

    /// The page of a response.
    pub(crate) fn of(response: &HttpResponse) -> Self {
        assert_eq!(response.header("content-type"), "text/html; charset=utf-8");
        let policy = response.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        let page = Self { text: response.text() };
        page.check();
        page
    }

    /// Fails unless all elements are nested, and nothing is inline that the policy refuses.
    #[track_caller]
    fn check(&self) {
        let mut open: Vec<&str> = Vec::new();
        for tag in self.text.split('<').skip(1) {
            let (tag, _) = tag.split_once('>').unwrap_or_else(|| panic!("no end: {tag}"));
            let name = tag.trim_start_matches('/').split([' ', '\n', '/']).next().unwrap();
            // Values of attributes are text.
            let bare: String = tag.split('"').step_by(2).collect();
            assert!(!bare.contains(" style=") && !bare.contains(" on") && name != "style", "inline: <{tag}>");
            assert!(name != "script" || tag == "/script" || tag.contains(" src="), "inline: <{tag}>");
            if tag.starts_with('/') {
                assert_eq!(open.pop(), Some(name), "{tag}: {}", self.text);
            } else if !tag.starts_with('!') && !tag.ends_with('/') && !VOID.contains(&name) {
                open.push(name);
            }
        }
        assert!(open.is_empty(), "{open:?}");
        for mark in ["aria-describedby=\"", "aria-labelledby=\"", " for=\""] {
            for id in self.attributes(mark) {
                assert!(self.has(&format!(" id=\"{id}\"")), "{mark}{id} leads nowhere");
            }
        }
        let ids = self.attributes(" id=\"");
        let distinct: std::collections::BTreeSet<&String> = ids.iter().collect();
        assert_eq!(distinct.len(), ids.len(), "{ids:?}");
    }

    pub(crate) fn has(&self, text: &str) -> bool {
        self.text.contains(text)
    }

    /// The values of all attributes that begin so.
    pub(crate) fn attributes(&self, begin: &str) -> Vec<String> {
        self.text.split(begin).skip(1).map(|rest| unescaped(rest.split('"').next().unwrap())).collect()
    }

    /// The ids of the listed projects.
    pub(crate) fn projects(&self) -> Vec<String> {
        self.attributes("<tr id=\"project-")
    }

    /// The positions of the listed events.
    pub(crate) fn positions(&self) -> Vec<i64> {
        self.attributes(" id=\"p").iter().filter_map(|id| id.parse().ok()).collect()
    }

    /// The target of a link with this relation.
    pub(crate) fn link(&self, relation: &str) -> Option<String> {
        let (before, _) = self.text.split_once(&format!("\" rel=\"{relation}\""))?;
        Some(unescaped(before.rsplit("href=\"").next()?))
    }

    /// The markup from a text on, up to another one.
    #[track_caller]
    pub(crate) fn part(&self, begin: &str, end: &str) -> &str {
        let from = self.text.find(begin).unwrap_or_else(|| panic!("{begin} is not in {}", self.text));
        let rest = &self.text[from..];
        &rest[..rest.find(end).unwrap_or_else(|| panic!("{end} is not in {rest}"))]
    }

    /// The row of a project.
    #[track_caller]
    pub(crate) fn row(&self, project: &str) -> &str {
        self.part(&format!("<tr id=\"project-{project}\""), "</tr>")
    }

    /// Fails unless the page has all these texts.
    #[track_caller]
    pub(crate) fn has_all(&self, texts: &[&str]) {
        for text in texts {
            assert!(self.has(text), "{text} is not in {}", self.text);
        }
    }
}

/// A value of an attribute without escapes.
pub(crate) fn unescaped(text: &str) -> String {
    text.replace("&#38;", "&")
        .replace("&#60;", "<")
        .replace("&#62;", ">")
        .replace("&#34;", "\"")
        .replace("&#39;", "'")
}
