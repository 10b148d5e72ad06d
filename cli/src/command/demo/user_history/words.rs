//! The words of the history: users, phases and reasons.

/// Subjects and names of the users.
pub(super) const USERS: [(&str, Option<&str>); 6] = [
    ("ann", Some("Ann Becker")),
    ("ann", Some("Ann Becker")),
    ("ben", Some("Ben Okafor")),
    ("carla", Some("Carla Romano")),
    ("dev", Some("Dev Patel")),
    ("budget-import", None),
];

/// Phases of projects with software, in order.
pub(super) const SOFTWARE: [&str; 8] =
    ["Discovery", "Procurement", "Design", "Build", "Integration test", "Training", "Rollout", "Hypercare"];

/// Phases of projects with buildings and machines, in order.
pub(super) const CONSTRUCTION: [&str; 8] =
    ["Survey", "Permits", "Design", "Groundworks", "Construction", "Commissioning", "Acceptance", "Handover"];

/// Which of eight phases a project of three to eight has.
pub(super) const CHOSEN: [&[usize]; 6] = [
    &[0, 3, 6],
    &[0, 2, 3, 6],
    &[0, 2, 3, 4, 6],
    &[0, 2, 3, 4, 6, 7],
    &[0, 1, 2, 3, 4, 6, 7],
    &[0, 1, 2, 3, 4, 5, 6, 7],
];

/// Phases that are added later.
pub(super) const ADDED: [&str; 6] =
    ["Security review", "Pilot site", "Data cleansing", "Change freeze", "Acceptance test", "Documentation"];

/// Names that would harm a careless page or terminal.
pub(super) fn hostile() -> Vec<String> {
    vec![
        "<script>alert(1)</script>".to_owned(),
        "\"><img src=x onerror=alert(1)>".to_owned(),
        "\u{202e}\u{645}\u{631}\u{62d}\u{644}\u{629} \u{627}\u{644}\u{62a}\u{635}\u{645}\u{64a}\u{645} (design)"
            .to_owned(),
        "\u{6e2f}".repeat(100),
        "Build\u{1b}[31m\u{7}\nsecond line\ttab".to_owned(),
        "'; DROP TABLE phases; -- &lt;b&gt; {{7*7}} ${7*7}".to_owned(),
    ]
}

/// Reasons of the first division into phases.
pub(super) const DIVIDED: [&str; 4] = [
    "first plan after the kick-off",
    "plan of the steering committee",
    "phases as in the contract",
    "baseline for the budget round",
];

/// Reasons of new dates.
pub(super) const RESIZED: [&str; 6] = [
    "supplier delivers later",
    "test environment is ready earlier",
    "holidays of the team",
    "acceptance took longer than planned",
    "permit arrived early",
    "key engineer on leave",
];

/// Reasons of budgets.
pub(super) const BUDGETED: [&str; 5] = [
    "offer of the supplier",
    "second budget round",
    "licences became cheaper",
    "change request approved",
    "correction after the audit",
];

/// Reasons of names and descriptions.
pub(super) const WORDED: [&str; 4] =
    ["names as in the project handbook", "clearer for the sponsor", "typo", "terms of the new methodology"];

/// Reasons of another list of phases.
pub(super) const RESTRUCTURED: [&str; 4] = [
    "scope change",
    "decision of the steering committee",
    "merged after the review",
    "risk workshop of the quarter",
];

/// Reasons of an extension.
pub(super) const EXTENDED: [&str; 3] =
    ["extension approved by the sponsor", "go-live moved behind the year end", "more sites than planned"];

/// Reasons of a restored timeline.
pub(super) const RESTORED: [&str; 2] = ["the revised plan was rejected", "wrong file imported"];

/// Descriptions of phases.
pub(super) const DESCRIPTIONS: [&str; 6] = [
    "Interviews with all departments; ends with a signed scope.",
    "Two suppliers work in parallel. Weekly demonstration on Thursday.",
    "Includes the training of the night shift.",
    "Only on weekends, because the site stays in operation.",
    "Depends on the network upgrade of the other programme.",
    "Closes with the acceptance protocol of the operator.",
];
