//! `longshore lambda package` and `publish`: this program as the code of a Lambda function.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::ValueEnum;
use longshore_aws::{Aws, Settings};
use serde_json::{Value, json};

use crate::package::{self, Package};
use crate::terminal::{self, Style};

const EXAMPLES: &str = "\
Examples:
  longshore lambda package                    this program, as longshore-lambda.zip
  longshore lambda publish --bucket my-code   into a bucket, for the template's CodeBucket

The function answers CloudFormation for resources of type Custom::ECSTask.
`longshore cfn template` prints the template that defines it.";

const PACKAGE_EXAMPLES: &str = "\
Examples:
  longshore lambda package                                 this program, as longshore-lambda.zip
  longshore lambda package --binary target/release/longshore --file build/runner.zip
  longshore lambda package --output json | jq -r .architecture

The same program gives the same bytes. Lambda's glibc is that of Amazon Linux 2023,
2.34: a program that needs a newer one is refused, with the way to build one that fits.";

const PUBLISH_EXAMPLES: &str = "\
Examples:
  longshore lambda publish --bucket my-code                this program, packed
  longshore lambda publish --bucket my-code --file longshore-lambda.zip
  longshore lambda publish --bucket my-code --key runner/1.zip --dry-run
  longshore lambda publish --bucket my-code --output json | jq -r .objectVersion

Lambda takes code from buckets of its own region. Switch the bucket's versioning on:
the object version is how a stack update notices a new package.";

/// Pack this program for AWS Lambda, where it serves Custom::ECSTask
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    Package(PackageArguments),
    Publish(PublishArguments),
}

/// Make the zip that Lambda takes
#[derive(Debug, clap::Args)]
#[command(after_help = PACKAGE_EXAMPLES)]
struct PackageArguments {
    /// The program to pack; without it the one that is running
    #[arg(long, value_name = "PATH")]
    binary: Option<PathBuf>,
    /// Where the package goes
    #[arg(long, value_name = "ZIP", default_value = package::NAME)]
    file: PathBuf,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// Upload the package to S3, and print what the template asks for
#[derive(Debug, clap::Args)]
#[command(after_help = PUBLISH_EXAMPLES)]
struct PublishArguments {
    /// The bucket, in the region of the function
    #[arg(long)]
    bucket: String,
    /// The object's key
    #[arg(long, default_value = package::NAME)]
    key: String,
    /// A package that was made before; without it the running program is packed
    #[arg(long, value_name = "ZIP")]
    file: Option<PathBuf>,
    /// Packs and checks, and uploads nothing
    #[arg(long)]
    dry_run: bool,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    Text,
    Json,
}

pub(crate) async fn execute(arguments: Arguments) -> Result<u8> {
    match arguments.verb {
        Verb::Package(arguments) => make(&arguments),
        Verb::Publish(arguments) => publish(arguments).await,
    }
}

fn make(arguments: &PackageArguments) -> Result<u8> {
    let package = pack(arguments.binary.as_deref())?;
    package::write(&arguments.file, &package.bytes)?;
    let document = json!({
        "file": arguments.file.display().to_string(),
        "architecture": package.architecture.as_str(),
    });
    show(&document, arguments.output)
}

async fn publish(arguments: PublishArguments) -> Result<u8> {
    let PublishArguments { bucket, key, file, dry_run, output } = arguments;
    let package = match &file {
        Some(file) => warned(package::read(file)?),
        None => pack(None)?,
    };
    let architecture = package.architecture.as_str();
    let mut document = json!({"s3Url": format!("s3://{bucket}/{key}"), "architecture": architecture});
    if dry_run {
        let end = show(&document, output);
        terminal::talk("nothing was uploaded", Style::Plain);
        return end;
    }
    let uploaded = Aws::connect(Settings::default()).await?.put_object(&bucket, &key, package.bytes).await?;
    document["url"] = uploaded.url.into();
    document["objectVersion"] = uploaded.version_id.clone().into();
    let end = show(&document, output);
    if uploaded.version_id.is_none() {
        terminal::talk(
            &format!(
                "warning: bucket `{bucket}` keeps no versions: an update of a stack does not notice a new package under \
                 the same key. Switch them on with\n  aws s3api put-bucket-versioning --bucket {bucket} \
                 --versioning-configuration Status=Enabled"
            ),
            Style::Warning,
        );
    }
    let version = uploaded.version_id.map(|version| format!(" CodeVersion={version}")).unwrap_or_default();
    terminal::talk(
        &format!(
            "the template's parameters: CodeBucket={bucket} CodeKey={key}{version} Architecture={architecture}"
        ),
        Style::Plain,
    );
    end
}

fn pack(binary: Option<&Path>) -> Result<Package> {
    let running = || std::env::current_exe().context("cannot find the running program");
    let binary = binary.map_or_else(running, |path| Ok(path.to_owned()))?;
    Ok(warned(package::pack(&binary)?))
}

fn warned(package: Package) -> Package {
    if let Some(warning) = &package.warning {
        terminal::talk(&format!("warning: {warning}"), Style::Warning);
    }
    package
}

/// Prints a flat document, as it is or as one line for each member that has a value.
fn show(document: &Value, output: Output) -> Result<u8> {
    let text = match output {
        Output::Json => format!("{document:#}\n"),
        Output::Text => {
            let members = document.as_object().into_iter().flatten();
            let lines = members.filter_map(|(name, value)| Some(format!("{name}: {}\n", value.as_str()?)));
            lines.collect()
        }
    };
    terminal::data(text.as_bytes())?;
    Ok(0)
}
