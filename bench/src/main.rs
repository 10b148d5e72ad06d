//! Benchmarks: Phaseline and alternatives with the same task, in turn on one durable server, with both results compared.
//!
//! `phaseline-bench list` lists the cases; `docs/performance.md` has the results.

mod args;
mod case;
mod cases;
mod child;
mod environment;
mod error;
mod events;
mod log;
mod measure;
mod processor_time;
mod report;
mod server;
mod steps;

use clap::Parser;
use error::Result;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    match run(args::Args::parse()).await {
        Ok(code) => code,
        Err(error) => {
            report::print_error(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(args: args::Args) -> Result<ExitCode> {
    if let Some(work) = args.child {
        child::work(work, cases::serve).await?;
        return Ok(ExitCode::SUCCESS);
    }
    if args.cases.iter().any(|name| name == "list") {
        report::list();
        return Ok(ExitCode::SUCCESS);
    }
    let wanted = args.wanted()?;
    let bench = server::Bench::start(args.sizes(), args.rounds);
    let machine = environment::Environment::detect(&bench).await?;
    report::print(&machine.to_string());
    let outcomes = cases::run(&bench, &wanted).await?;
    let report = report::Report { machine, outcomes };
    if let Some(file) = &args.json {
        report.write(file, &report.json()?)?;
    }
    if let Some(file) = &args.markdown {
        report.write(file, &report.markdown())?;
    }
    let slow = args.enforce.map(|factor| report.below(factor, args.small)).unwrap_or_default();
    for text in &slow {
        report::print_error(text);
    }
    Ok(if slow.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
