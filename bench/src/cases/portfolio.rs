//! Timelines at any position and their differences, beside a temporal table of phases and beside folds of the log.

mod answers;
mod differences;
mod large_log;
mod lists;
mod one;
mod temporal;
mod timing;
mod writers;

use crate::error::Result;
use crate::measure::CaseResult;
use crate::server::Bench;
use answers::WantedPhases;
use large_log::Portfolio;

pub(super) async fn run(bench: &Bench) -> Result<Vec<CaseResult>> {
    temporal::check(bench).await?;
    let portfolio = Portfolio::create(bench).await?;
    let mut outcomes = Vec::new();
    for (names, answer, count) in [
        (["portfolio-page", "portfolio-page-fold"], WantedPhases::Page(differences::PAGE), 20),
        (["portfolio-all", "portfolio-fold"], WantedPhases::All, 5),
    ] {
        outcomes.extend(lists::beside(bench, &portfolio, names, answer, count).await?);
    }
    outcomes.extend(differences::run(bench, &portfolio).await?);
    drop(portfolio);
    outcomes.extend(one::run(bench).await?);
    outcomes.extend(writers::run(bench).await?);
    Ok(outcomes)
}
