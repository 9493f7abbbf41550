//! `mcp login` and `mcp logout`.

use http::{HeaderMap, Method, header};
use serde_json::{Value, json};
use url::{Host, Url};

use super::api::{self, Api, segment};
use super::kept::{Kept, Login};
use super::{DEFAULT_URL, ask, ca_file, print, variable};
use crate::app::{Failure, say, say_error};
use crate::cli::client::{LoginArgs, LogoutArgs};
use crate::domain::secret::Secret;

/// Trades name and password for an API key, and keeps that.
pub(super) async fn login(args: &LoginArgs, env: &[(String, String)]) -> Result<(), Failure> {
    let mut kept = Kept::open(env)?;
    let said = args
        .to
        .clone()
        .or_else(|| args.client.url.clone())
        .or_else(|| variable(env, "MCP_URL"));
    let url = api::base(said.as_deref().unwrap_or(DEFAULT_URL))?;
    warn_of_plain_http(&url);
    let ca_file = ca_file(&args.client, env);
    let login = if args.token_stdin {
        let token = ask::piped()?;
        let api = Api::new(url.clone(), ca_file, Some(token.clone()))?;
        let me = api.get("api/auth/me").await?;
        Login::new(print::text(&me, "username"), &token, None, None)
    } else {
        let user = match &args.user {
            Some(user) => user.clone(),
            None => ask::line(&format!("User at {url}: "))?,
        };
        let password = if args.password_stdin {
            ask::piped()?
        } else {
            ask::password(&format!("Password of {}: ", print::safe(&user)))?
        };
        let api = Api::new(url.clone(), ca_file, None)?;
        by_password(&api, &user, &password, args.days).await?
    };
    kept.keep(&url, login.clone())?;
    if args.client.json {
        let said = json!({
            "url": url.as_str(), "username": login.username,
            "token_id": login.token_id, "expires_at": login.expires_at,
        });
        say(&print::json(&said));
    } else {
        let until = login
            .expires_at
            .map(|end| format!(" until {end}"))
            .unwrap_or_default();
        say(&print::safe(&format!(
            "logged in at {url} as {}{until}; the key lies in {}",
            login.username,
            kept.path().display()
        )));
    }
    Ok(())
}

/// A session is only the way to a key: it ends here.
async fn by_password(
    api: &Api,
    user: &str,
    password: &Secret<String>,
    days: u32,
) -> Result<Login, Failure> {
    let body = json!({"username": user, "password": password.expose()});
    let login = api
        .call(Method::POST, "api/auth/login", Some(&body), &[])
        .await?;
    let cookie = cookie(&login.headers).ok_or_else(|| {
        Failure::Other(anyhow::anyhow!(
            "{} let us in but started no session; check the URL",
            api.base()
        ))
    })?;
    let csrf = Secret::new(print::text(&login.body, "csrf_token"));
    let headers = [("cookie", &cookie), ("x-csrf-token", &csrf)];
    let wanted = json!({
        "kind": "api_key",
        "expires_in_hours": days * 24,
        "description": "mcp login",
    });
    let made = api
        .call(Method::POST, "api/tokens/generate", Some(&wanted), &headers)
        .await;
    // Whether or not there is a key now.
    let _ = api
        .call(Method::POST, "api/auth/logout", None, &headers)
        .await;
    let made = made?.body;
    let member = |object: &str, name: &str| {
        made.get(object)
            .map(|value| print::text(value, name))
            .filter(|text| !text.is_empty())
    };
    let token = member("tokens", "access_token")
        .ok_or_else(|| Failure::Other(anyhow::anyhow!("{} made no key", api.base())))?;
    Ok(Login::new(
        print::text(&login.body, "username"),
        &Secret::new(token),
        Some(print::text(&made, "token_id")),
        member("token_data", "expires_at"),
    ))
}

/// Name and value of the session's cookie.
fn cookie(headers: &HeaderMap) -> Option<Secret<String>> {
    let cookies = headers.get_all(header::SET_COOKIE).iter();
    cookies
        .filter_map(|value| value.to_str().ok()?.split(';').next())
        .find(|cookie| cookie.contains("mcp_gateway_session="))
        .map(|cookie| Secret::new(cookie.to_owned()))
}

fn warn_of_plain_http(url: &Url) {
    let local = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    if url.scheme() == "http" && !local {
        say_error(&format!(
            "warning: {url} is plain HTTP: everybody on the way can read the password and the key"
        ));
    }
}

/// Revokes the kept key and forgets it.
pub(super) async fn logout(args: &LogoutArgs, env: &[(String, String)]) -> Result<(), Failure> {
    let mut kept = Kept::open(env)?;
    let said = args.client.url.clone().or_else(|| variable(env, "MCP_URL"));
    let Some(url) = said.or_else(|| kept.current().map(str::to_owned)) else {
        return Err(Failure::Usage("not logged in anywhere".to_owned()));
    };
    let url = api::base(&url)?;
    let Some(login) = kept.login(&url).cloned() else {
        return Err(Failure::Usage(format!("not logged in at {url}")));
    };
    if let Some(id) = &login.token_id {
        let api = Api::new(url.clone(), ca_file(&args.client, env), kept.token(&url))?;
        if let Err(error) = api.delete(&format!("api/tokens/{}", segment(id))).await {
            say_error(&format!(
                "warning: the key {} was not revoked: {error}",
                print::safe(id)
            ));
        }
    }
    kept.forget(&url)?;
    if args.client.json {
        say(&print::json(&Value::Null));
    } else {
        say(&format!("logged out at {url}"));
    }
    Ok(())
}
