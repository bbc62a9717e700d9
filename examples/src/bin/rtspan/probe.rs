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

use rtspan_std::runtime::Runtime;

use crate::Failure;
use crate::args::ProbeArgs;
use crate::output::{result, result_json};
use crate::stop::unless_interrupted;

use diagnose::diagnose;
use finding::Severity;

/// Shows what a server offers, what is wrong with it and what to do about that.
///
/// # Errors
///
/// The stream does not play, or a part of it does not. All that was found is said before.
pub(crate) async fn run<R: Runtime>(args: &ProbeArgs) -> Result<(), Failure> {
    let examine = async { examine::examine::<R>(args).await.map_err(|error| failed(args, error)) };
    let facts = unless_interrupted(examine).await?;
    let findings = diagnose(&facts);
    if args.json {
        result_json(&report::to_json(&args.url, &facts, &findings));
    } else {
        report::lines(&args.url, &facts, &findings).iter().for_each(result);
    }
    if let Some(failure) = facts.failure {
        return Err(failed(args, failure.error));
    }
    match findings.iter().filter(|finding| finding.severity == Severity::Fault).count() {
        0 => Ok(()),
        faults => Err(Failure::Faulty { url: args.url.clone(), faults }),
    }
}

fn failed(args: &ProbeArgs, error: rtspan_std::Error) -> Failure {
    Failure::Play { url: args.url.clone(), error: Box::new(error) }
}
