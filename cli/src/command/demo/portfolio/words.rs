//! The words of projects.

/// What projects are about.
pub(super) const SUBJECTS: [&str; 48] = [
    "Harbour crane",
    "Payroll",
    "Customer portal",
    "Container yard",
    "Fleet telematics",
    "Warehouse robot",
    "Billing engine",
    "Ticket office",
    "Signal box",
    "Water metering",
    "Data centre",
    "Radio network",
    "Staff rota",
    "Procurement desk",
    "Tram depot",
    "Grid substation",
    "Claims intake",
    "Contract archive",
    "Loyalty programme",
    "Baggage belt",
    "Fuel card",
    "Training academy",
    "Pension ledger",
    "Field service app",
    "Identity provider",
    "Laboratory results",
    "Parcel sorting",
    "Quality inspection",
    "Route planning",
    "Fraud detection",
    "Library catalogue",
    "Museum lighting",
    "Call centre",
    "Cold store",
    "Bridge sensor",
    "Ferry booking",
    "Invoice scanning",
    "Street lighting",
    "Solar park",
    "School timetable",
    "Tax reporting",
    "Visitor registration",
    "Weather station",
    "Wind farm control",
    "Spare parts store",
    "Passenger display",
    "Patient records",
    "Recycling depot",
];

/// What projects do about it.
pub(super) const ACTIONS: [&str; 10] = [
    "renewal",
    "migration",
    "redesign",
    "rollout",
    "consolidation",
    "upgrade",
    "pilot",
    "replacement",
    "extension",
    "audit",
];

/// Business sponsors.
pub(super) const SPONSORS: [&str; 6] = [
    "Harriet Lindqvist",
    "Operations board",
    "Finance department",
    "Miguel Arango",
    "Customer services",
    "Port authority",
];

/// Project managers.
pub(super) const MANAGERS: [&str; 8] = [
    "Ann Becker",
    "Ben Okafor",
    "Carla Romano",
    "Dev Patel",
    "Yuki Tanaka",
    "Oluwaseun Adeyemi",
    "Zofia Nowak",
    "Liam O'Brien",
];

/// Technical leads.
pub(super) const LEADS: [&str; 6] =
    ["Emre Yıldız", "Grace Mbeki", "Henrik Sørensen", "Ines Duarte", "Jan de Vries", "Katya Ivanova"];
