//! Examines a server as a doctor does: gathers [facts] from it ([`examine`]), reads [findings](finding) off them
//! ([`diagnose()`]), and [reports](report) both.

mod date;
mod diagnose;
mod examine;
mod facts;
mod finding;
mod heard;
mod measure;
mod medias;
mod profile;
mod refused;
mod report;

use rtspan_std::Error;
use rtspan_std::runtime::Runtime;

use crate::Failure;
use crate::args::{ProbeArgs, Target};
use crate::failure::Kind;
use crate::live::patiently;
use crate::output::{result, result_json};
use crate::stop::unless_interrupted;

use diagnose::diagnose;
use facts::{Facts, Step};
use finding::Severity;

/// Shows what a server offers, what is wrong with it and what to do about that.
///
/// # Errors
///
/// The stream does not play, or a part of it does not. All that was found is said before.
pub(crate) async fn run<R: Runtime>(args: &ProbeArgs) -> Result<(), Failure> {
    let examine = async { examine::examine::<R>(args).await.map_err(|error| failed(args, error)) };
    let facts = unless_interrupted(patiently::<R, _>(format!("examining {}", args.url), examine)).await?;
    let findings = diagnose(&facts);
    if args.json {
        result_json(report::to_json(&args.url, &facts, &findings));
    } else {
        report::lines(&args.url, &facts, &findings).iter().for_each(result);
    }
    if let Some(failure) = facts.failure {
        return Err(failed(args, failure.error));
    }
    let mut faults = findings.iter().filter(|finding| finding.severity == Severity::Fault);
    match faults.next() {
        None => Ok(()),
        Some(first) => Err(Failure::Faulty {
            url: args.url.clone(),
            faults: 1 + faults.count(),
            kind: Kind::named(first.problem.id()),
        }),
    }
}

/// The kind of an error of a client, and what to do about it.
pub(crate) fn explained(url: &Target, error: &Error) -> (Kind, Option<String>) {
    let facts = Facts { has_credentials: url.has_credentials(), ..Facts::default() };
    let finding = refused::explain(&facts, Step::Connect, error);
    (Kind::named(finding.problem.id()), finding.advice)
}

fn failed(args: &ProbeArgs, error: Error) -> Failure {
    Failure::Play { url: args.url.clone(), error: Box::new(error) }
}
