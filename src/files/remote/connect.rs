//! A client for every kind of storage, with its settings from the environment.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::http::HttpBuilder;
use object_store::path::Path;
use object_store::{ClientConfigKey, ObjectStore, Result, RetryConfig};

use super::service::{Connector, Last, basic};
use super::{CONNECT_MAX, REQUEST_MAX, Writable};
use crate::config::address::{Address, Scheme};

/// A client, the file's name for it, and whether it can be written to.
pub(super) fn connect(
    address: &Address,
    wait: Duration,
    last: &Last,
) -> Result<(Arc<dyn ObjectStore>, Path, Writable)> {
    let connector = |authorization| Connector { last: last.clone(), authorization };
    // All tries are ours, with one limit for all of them.
    let retry = RetryConfig { max_retries: 0, retry_timeout: wait, ..RetryConfig::default() };
    let limits = [(ClientConfigKey::Timeout, REQUEST_MAX), (ClientConfigKey::ConnectTimeout, CONNECT_MAX)];
    let limits = limits.map(|(key, limit)| (key, format!("{} s", limit.as_secs())));
    let path = match address.scheme {
        Scheme::Http | Scheme::Https => Path::from_url_path(&address.key)?,
        Scheme::S3 | Scheme::Gs | Scheme::Az => Path::parse(&address.key)?,
    };
    Ok(match address.scheme {
        Scheme::S3 => {
            let builder = limits.into_iter().fold(AmazonS3Builder::from_env(), |builder, (key, limit)| {
                builder.with_config(AmazonS3ConfigKey::Client(key), limit)
            });
            let builder = builder
                .with_bucket_name(&address.place)
                .with_retry(retry)
                .with_http_connector(connector(None));
            let endpoints = [AmazonS3ConfigKey::Endpoint, AmazonS3ConfigKey::S3Endpoint];
            let amazon = endpoints.iter().all(|key| builder.get_config_value(key).is_none());
            let writable = if amazon { Writable::Yes } else { Writable::Ask };
            (Arc::new(builder.build()?), path, writable)
        }
        Scheme::Gs => {
            let builder =
                limits.into_iter().fold(GoogleCloudStorageBuilder::from_env(), |builder, (key, limit)| {
                    builder.with_config(GoogleConfigKey::Client(key), limit)
                });
            let builder = builder
                .with_bucket_name(&address.place)
                .with_retry(retry)
                .with_http_connector(connector(None));
            (Arc::new(builder.build()?), path, Writable::Yes)
        }
        Scheme::Az => {
            let builder =
                limits.into_iter().fold(MicrosoftAzureBuilder::from_env(), |builder, (key, limit)| {
                    builder.with_config(AzureConfigKey::Client(key), limit)
                });
            let builder = builder
                .with_container_name(&address.place)
                .with_retry(retry)
                .with_http_connector(connector(None));
            (Arc::new(builder.build()?), path, Writable::Yes)
        }
        Scheme::Http | Scheme::Https => {
            let builder = limits
                .into_iter()
                .fold(HttpBuilder::new(), |builder, (key, limit)| builder.with_config(key, limit))
                .with_url(format!("{}://{}", address.scheme.name(), address.place))
                .with_config(ClientConfigKey::AllowHttp, "true")
                .with_retry(retry)
                .with_http_connector(connector(address.login.as_deref().map(basic)));
            (Arc::new(builder.build()?), path, Writable::No)
        }
    })
}
