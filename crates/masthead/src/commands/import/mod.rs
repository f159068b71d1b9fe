//! `masthead import`: users from the files of any system, streamed.

mod hashes;
mod input;
mod mapped;
mod pipeline;
mod progress;
mod rejects;
mod report;
mod state;
mod tenants;
mod writer;

use std::{collections::BTreeMap, path::Path, sync::Arc};

use masthead_imports::{MapContext, Mapping};
use masthead_ports::clock::Clock;
use masthead_subscribe_store::{DuplicatePolicy, ImportOrigin, Importer, RunProgress, Store};
use serde_json::{Value, json};

use self::{
    input::{OpenedInput, blocked_policy, open_hashes, open_users, read_mapping},
    mapped::RowMapper,
    pipeline::MappedRows,
    progress::ImportProgress,
    rejects::RejectsFile,
    report::ImportReport,
    state::{StateFile, identity},
    tenants::RowTenants,
    writer::ImportWriter,
};
use super::{
    environment::{print_line, with_checked_store},
    operator_log::{CommandChange, record_operator_change},
};
use crate::{
    cli::{ImportArguments, ReportForm},
    clock::SystemClock,
    command_error::CommandError,
    identifiers::{RequestIds, TimedIds},
    settings::{UncheckedSettings, operator},
};

/// The source system that events of an import contain.
const SOURCE_SYSTEM: &str = "masthead-import";

const STOPPED: &str = "the import stopped";

const INVALID_STATE: &str = "the state of the import is invalid";

pub(super) fn run(settings_source: &UncheckedSettings, arguments: &ImportArguments) -> Result<(), CommandError> {
    if let Some(name) = &arguments.show_map {
        let text = Mapping::shipped(name).ok_or_else(|| {
            let names: Vec<_> = Mapping::names().collect();
            CommandError::new(format!("there is no mapping {name}; there are {}", names.join(", ")))
        })?;
        return print_line(text.trim_end());
    }
    // Huge pages double the memory of an import, and make it no faster. Where the system refuses, it only takes more memory.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    // Before the database: a wrong file is refused by what it is.
    let files = Files::open(arguments)?;
    with_checked_store(settings_source, async |store| import(store, arguments, files).await)
}

/// The files of an import, opened.
struct Files {
    users: OpenedInput,
    hashes: Option<OpenedInput>,
    /// The text of the user's mapping file.
    mapping: Option<String>,
}

impl Files {
    fn open(arguments: &ImportArguments) -> Result<Self, CommandError> {
        let mapping = arguments.map.as_deref().map(read_mapping).transpose()?;
        let (mapping, text) = mapping.unzip();
        Ok(Self {
            users: open_users(arguments, mapping)?,
            hashes: match &arguments.hashes {
                Some(path) => Some(open_hashes(path, &arguments.hashes_from)?),
                None => None,
            },
            mapping: text,
        })
    }
}

async fn import(store: &Store, arguments: &ImportArguments, files: Files) -> Result<(), CommandError> {
    let clock = SystemClock;
    let new_run = TimedIds::new(Arc::new(clock)).next().as_str().to_owned();
    let importer = if arguments.dry_run {
        store.importer().dry_run()
    } else {
        store.importer()
    };
    let identity = identity(arguments, files.mapping.as_deref());
    let state = arguments
        .state
        .as_deref()
        .map(|path| StateFile::read_or_new(path, (&new_run, clock.now()), identity.clone()));
    let mut state = state.transpose()?;
    if let Some(ended) = state.as_ref().filter(|state| state.state.report.is_some()) {
        return end_again(store, &importer, (arguments, &identity), ended).await;
    }
    let tenants = RowTenants::find(store, arguments).await?;
    let run = state.as_ref().map_or(new_run, |state| state.state.run.clone());
    if let Some(path) = &arguments.rejects {
        RejectsFile::refuse_other_use(path, arguments)?;
    }
    let before = begin_run(&importer, &run, state.as_mut(), arguments).await?;
    let report: ImportReport = match &before.report {
        None => ImportReport::default(),
        Some(text) => serde_json::from_str(text).map_err(CommandError::context(INVALID_STATE))?,
    };
    let origin = ImportOrigin {
        caller: operator(),
        ..ImportOrigin::new(run.as_str().into(), SOURCE_SYSTEM.into(), clock.now())
    };
    let policy = arguments
        .on_duplicate
        .map_or_else(DuplicatePolicy::default, DuplicatePolicy::all);
    let rejects = arguments
        .rejects
        .as_deref()
        .map(|path| RejectsFile::open(path, before.rejects_bytes));
    let mut writer = ImportWriter {
        session: importer.begin(origin, policy, run.as_str().into()),
        tenants,
        rejects: rejects.transpose()?,
        report,
        max_rejects: arguments.max_rejects,
        run: state.as_ref().map(|_| run.as_str()),
        joins_hashes: files.hashes.is_some(),
        has_begun: before.rows > 0,
    };
    let context = MapContext {
        now: state.as_ref().map_or_else(|| Ok(clock.now()), StateFile::started_at)?,
        blocked: blocked_policy(arguments),
    };
    let written = write_all(&importer, &mut writer, (&run, context), arguments, files).await;
    let rejects_kept = writer.rejects.as_mut().map_or(Ok(()), RejectsFile::sync);
    let ImportWriter { session, report, .. } = writer;
    let finished = match written {
        Ok(()) => session.finish().await.map_err(CommandError::context(STOPPED)),
        Err(error) => Err(error),
    };
    let finished = finished.and(rejects_kept);
    if let (Ok(()), Some(state)) = (&finished, &mut state) {
        state.state.report = Some(report.clone());
        state.write()?;
    }
    // Also after an error: what was imported stays.
    let recorded = record(store, (arguments, &identity), &report).await;
    let ended = if !arguments.dry_run && (finished.is_ok() || state.is_none()) {
        importer.runs().end(&run).await
    } else {
        Ok(())
    };
    print_report(arguments, &report)?;
    finished?;
    recorded?;
    ended.map_err(CommandError::context(STOPPED))?;
    if let Some(state) = &state {
        state.remove()?;
    }
    exit(arguments, &report)
}

/// Begins a run that can be resumed, or that puts things aside; how far it has come if it was begun before.
async fn begin_run(
    importer: &Importer,
    run: &str,
    state: Option<&mut StateFile>,
    arguments: &ImportArguments,
) -> Result<RunProgress, CommandError> {
    let unavailable = "the state of the import is not available";
    let runs = importer.runs();
    let Some(state) = state else {
        if arguments.hashes.is_some() && !arguments.dry_run {
            runs.begin(run, SystemClock.now())
                .await
                .map_err(CommandError::context(unavailable))?;
        }
        return Ok(RunProgress::default());
    };
    if state.state.begun {
        let found = runs.find(run).await.map_err(CommandError::context(unavailable))?;
        return found.ok_or_else(|| {
            CommandError::new("the database no longer knows this import; remove the state file to start again")
        });
    }
    state.write()?;
    runs.begin(run, SystemClock.now())
        .await
        .map_err(CommandError::context(unavailable))?;
    state.state.begun = true;
    state.write()?;
    Ok(RunProgress::default())
}

async fn write_all(
    importer: &Importer,
    writer: &mut ImportWriter<'_>,
    (run, context): (&str, MapContext),
    arguments: &ImportArguments,
    files: Files,
) -> Result<(), CommandError> {
    if let Some(hashes) = files.hashes {
        let complete = importer.runs().complete_hashes(run).await;
        let counted = if let Some(text) = complete.map_err(CommandError::context(STOPPED))? {
            serde_json::from_str(&text).map_err(CommandError::context(INVALID_STATE))?
        } else {
            let mut progress = ImportProgress::start("hashes", hashes.length, arguments.progress_every);
            let name = arguments.hashes.as_deref().and_then(Path::file_name);
            let named = (name.map(|name| name.to_string_lossy().into()), hashes);
            let place = (&mut writer.session, writer.rejects.as_mut());
            let counted = hashes::put_aside(place, named, (context, &mut progress)).await;
            progress.finish();
            let counted = counted?;
            if let Some(most) = arguments.max_rejects.filter(|most| counted.rejected > *most) {
                return Err(CommandError::new(format!(
                    "no user is imported: more than {most} rows of the second file are rejected"
                )));
            }
            writer.complete_hashes(&counted).await?;
            counted
        };
        writer.report.hash_file = Some(counted);
    }
    let OpenedInput { file, read, length } = files.users;
    let mapper = RowMapper {
        mapping: file.mapping(),
        context,
        keeps_originals: arguments.rejects.is_some(),
        join: arguments.join.as_deref().map(Into::into),
    };
    let mut rows = MappedRows::start(file, mapper)?;
    let mut progress = ImportProgress::start("rows", length, arguments.progress_every);
    let written = writer.write_all(&mut rows, (&mut progress, &read)).await;
    progress.finish();
    written
}

/// Prints the report of an import that has ended, and was killed before it had removed its state.
async fn end_again(
    store: &Store,
    importer: &Importer,
    (arguments, identity): (&ImportArguments, &BTreeMap<String, String>),
    ended: &StateFile,
) -> Result<(), CommandError> {
    let report = ended.state.report.clone().unwrap_or_default();
    let runs = importer.runs();
    let left = runs
        .find(&ended.state.run)
        .await
        .map_err(CommandError::context(STOPPED))?;
    if left.is_some() {
        record(store, (arguments, identity), &report).await?;
        runs.end(&ended.state.run)
            .await
            .map_err(CommandError::context(STOPPED))?;
    }
    print_report(arguments, &report)?;
    ended.remove()?;
    exit(arguments, &report)
}

/// Records the import with the arguments that its result depends on.
async fn record(
    store: &Store,
    (arguments, identity): (&ImportArguments, &BTreeMap<String, String>),
    report: &ImportReport,
) -> Result<(), CommandError> {
    if arguments.dry_run {
        return Ok(());
    }
    let change = CommandChange {
        command: "import",
        tenant: arguments.tenant.as_ref(),
        before: Value::Null,
        after: json!({"import": identity, "report": report.summary()}),
    };
    record_operator_change(&store.admin(), change).await
}

fn print_report(arguments: &ImportArguments, report: &ImportReport) -> Result<(), CommandError> {
    match arguments.report {
        Some(ReportForm::Text) => print_line(report.to_text()),
        Some(ReportForm::Json) => print_line(json!(report)),
        None if arguments.dry_run => print_line(json!(report)),
        None => print_line(report.summary()),
    }
}

fn exit(arguments: &ImportArguments, report: &ImportReport) -> Result<(), CommandError> {
    let of_hashes = report.hash_file.as_ref().map_or(0, |file| file.rejected);
    if report.hash_file.as_ref().is_some_and(|file| file.usable > 0) && report.joined_hashes == 0 {
        return Err(CommandError::new(
            "no hash of the second file is of an id in the field of --join: the users are without a password",
        ));
    }
    if report.rejected + of_hashes == 0 {
        return Ok(());
    }
    let place = match &arguments.rejects {
        Some(path) => format!("see {}", path.display()),
        None => "--rejects FILE keeps them".to_owned(),
    };
    let second = match of_hashes {
        0 => String::new(),
        rows => format!(", and {rows} of the second file"),
    };
    let rows = if report.rows == 1 { "row" } else { "rows" };
    let are = if report.rejected == 1 { "is" } else { "are" };
    Err(CommandError::rejected(format!(
        "{} of {} {rows} {are} rejected{second}; {place}",
        report.rejected, report.rows
    )))
}
