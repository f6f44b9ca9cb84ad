//! A plan as a Workflow of Argo: a template for every amount of memory, whose shards run side by side.
//!
//! What ran out of memory is tried once more with the next larger amount. That amount stands in the template as it is:
//! in a `podSpecPatch`, expressions over `retries` and over a task's own parameters do not mix in many versions
//! (argoproj/argo-workflows issues 10362 and 12941).

use serde_json::{Value, json};

use super::classes::{Group, groups, larger};
use super::pod::Pod;
use crate::config::Config;
use crate::ended::{PLAN_LABEL, SHARD};
use crate::model::Digest;
use crate::plan::Plan;
use crate::text::{count, printable, shorten};

/// Argo calls the container so, and its patches do.
const CONTAINER: &str = "main";

/// Largest object that Kubernetes stores, with room for what it adds, in bytes.
const SIZE_MAX: usize = 1_000_000;

/// Longest word that an error shows, in columns.
const WORD_MAX: usize = 80;

/// The workflow, as one document with a line break at its end.
///
/// # Errors
/// A shard above the largest class, what `[kubernetes]` does not say, a word that Argo would take for a variable,
/// a document that is too large; in words, with what would do.
pub fn workflow(plan: &Plan, digest: &Digest, config: &Config) -> Result<String, String> {
    no_variables(config)?;
    let pod = Pod::new(config)?;
    let groups = groups(plan, &config.cluster)?;
    let kubernetes = &config.kubernetes;
    let mut parameters = Vec::new();
    let mut steps = Vec::new();
    let mut templates = Vec::new();
    for group in &groups {
        let name = group.name(digest);
        let shards: Vec<Value> = group.shards.iter().map(|(_, shard)| json!({"shard": shard.id})).collect();
        let shards = serde_json::to_string(&shards).map_err(|err| err.to_string())?;
        parameters.push(json!({"name": name, "value": shards}));
        steps.push(json!({
            "name": name,
            "template": name,
            "withParam": format!("{{{{workflow.parameters.{name}}}}}"),
            "arguments": {"parameters": [{"name": "shard", "value": "{{item.shard}}"}]},
        }));
        templates.push(template(group, &name, digest, &pod, config));
    }
    let steps = if steps.is_empty() { json!([]) } else { json!([steps]) };
    templates.insert(0, json!({"name": "shards", "steps": steps}));
    let mut spec = json!({
        "entrypoint": "shards",
        "arguments": {"parameters": parameters},
        "templates": templates,
        "volumes": pod.volumes(),
    });
    if let Some(account) = &kubernetes.service_account {
        spec["serviceAccountName"] = json!(account);
    }
    if let Some(most) = kubernetes.at_once {
        spec["parallelism"] = json!(most);
    }
    let mut metadata =
        json!({"generateName": format!("shard-{}-", digest.token()), "labels": {PLAN_LABEL: digest.token()}});
    if let Some(namespace) = &kubernetes.namespace {
        metadata["namespace"] = json!(namespace);
    }
    let workflow = json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": metadata,
        "spec": spec,
    });
    let text = serde_json::to_string_pretty(&workflow).map_err(|err| err.to_string())? + "\n";
    if text.len() > SIZE_MAX {
        return Err(format!(
            "the workflow of {} takes {} bytes, more than the {SIZE_MAX} that Kubernetes stores\n  help: plan with fewer \
             shards, or use --format kubernetes",
            count(plan.shards.len(), "shard"),
            text.len()
        ));
    }
    Ok(text)
}

/// One amount of memory, and the next larger one for a second try.
fn template(group: &Group<'_>, name: &str, digest: &Digest, pod: &Pod<'_>, config: &Config) -> Value {
    let larger = larger(group.mebibytes, &config.cluster).filter(|_| config.argo.larger);
    let attempt = larger.map(|_| "{{=sprig.int(retries) + 1}}");
    let which = ["{{inputs.parameters.shard}}".to_owned()];
    let mut container = pod.container(CONTAINER, pod.command(digest, &which, attempt));
    let resources = json!({"memory": format!("{}Mi", group.mebibytes), "cpu": group.cpus.to_string()});
    container["resources"] = json!({"requests": resources, "limits": resources});
    let mut template = json!({
        "name": name,
        "inputs": {"parameters": [{"name": "shard"}]},
        "metadata": {
            "labels": {PLAN_LABEL: digest.token()},
            "annotations": {SHARD: "{{inputs.parameters.shard}}"},
        },
        "activeDeadlineSeconds": u64::from(group.minutes) * 60,
        "container": container,
    });
    if let Some(larger) = larger {
        let memory = format!("{{{{=sprig.int(retries) == 0 ? '{}Mi' : '{larger}Mi'}}}}", group.mebibytes);
        let resources = json!({"requests": {"memory": memory}, "limits": {"memory": memory}});
        let patch = json!({"containers": [{"name": CONTAINER, "resources": resources}]});
        template["podSpecPatch"] = json!(patch.to_string());
        template["retryStrategy"] = json!({
            "limit": "1",
            "retryPolicy": "OnFailure",
            // The guard of `shard run`, or the kernel.
            "expression": "asInt(lastRetry.exitCode) == 92 || asInt(lastRetry.exitCode) == 137",
        });
    }
    template
}

/// Argo puts values in place of whatever stands in double braces, and there is no way to write them otherwise.
fn no_variables(config: &Config) -> Result<(), String> {
    let kubernetes = &config.kubernetes;
    let named = [
        &kubernetes.image,
        &kubernetes.claim,
        &kubernetes.config_map,
        &kubernetes.folder,
        &kubernetes.namespace,
        &kubernetes.service_account,
    ];
    let words =
        named.into_iter().flatten().chain([&kubernetes.mount, &config.out]).chain(&config.cluster.command);
    match words.into_iter().find(|word| word.contains("{{")) {
        None => Ok(()),
        Some(word) => Err(format!(
            "`{}` has double braces, which Argo takes for a variable\n  help: name it otherwise in shard.toml",
            printable(&shorten(word, WORD_MAX))
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::file::parse;

    fn of(config: &str) -> Result<Value, String> {
        let bytes = include_bytes!("../../../testdata/plans/two-shards.json");
        let (plan, digest) = (Plan::from_bytes(bytes).unwrap(), Digest::of(bytes));
        let config = format!("[kubernetes]\nimage = \"i\"\nclaim = \"c\"\n{config}");
        workflow(&plan, &digest, &parse(&config).unwrap()).map(|text| serde_json::from_str(&text).unwrap())
    }

    #[test]
    fn every_amount_has_a_template_and_a_larger_one_for_a_second_try() {
        let workflow = of("[cluster]\nmemory-classes = [\"512MiB\", \"2GiB\"]").unwrap();
        let templates = workflow["spec"]["templates"].as_array().unwrap();
        assert_eq!(templates.len(), 3);
        let steps = templates[0]["steps"][0].as_array().unwrap();
        let name = templates[1]["name"].as_str().unwrap();
        assert_eq!(steps[0]["withParam"], format!("{{{{workflow.parameters.{name}}}}}"));
        let parameters = &workflow["spec"]["arguments"]["parameters"];
        assert_eq!(parameters[0], json!({"name": name, "value": "[{\"shard\":\"e2e-1\"}]"}));
        // The largest class has no larger one.
        assert!(templates[1].get("retryStrategy").is_none());
        assert_eq!(templates[1]["container"]["resources"]["limits"]["memory"], "2048Mi");
        let patch = templates[2]["podSpecPatch"].as_str().unwrap();
        let patch: Value = serde_json::from_str(patch).unwrap();
        let memory = &patch["containers"][0]["resources"]["limits"]["memory"];
        assert_eq!(memory, "{{=sprig.int(retries) == 0 ? '512Mi' : '2048Mi'}}");
        let workflow = of("[argo]\nlarger = false").unwrap();
        assert!(workflow["spec"]["templates"][2].get("podSpecPatch").is_none());
    }

    #[test]
    fn what_kubernetes_could_not_store_is_refused() {
        let bytes = include_bytes!("../../../testdata/plans/two-shards.json");
        let (mut plan, digest) = (Plan::from_bytes(bytes).unwrap(), Digest::of(bytes));
        plan.shards = vec![plan.shards[0].clone(); 60_000];
        let config = parse("[kubernetes]\nimage = \"i\"\nclaim = \"c\"").unwrap();
        let err = workflow(&plan, &digest, &config).unwrap_err();
        assert!(err.contains("the workflow of 60,000 shards takes"), "{err}");
    }

    #[test]
    fn nothing_configured_becomes_a_variable() {
        let err = of("service-account = \"{{workflow.name}}\"").unwrap_err();
        assert!(err.contains("double braces"), "{err}");
    }
}
