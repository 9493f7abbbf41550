//! What each repository keeps and how it refuses.

use std::collections::BTreeSet;

use super::fixture::{Fixture, NOW, UPSTREAM_SECRET, owner, path, server, token};
use crate::domain::api_key::KeyHash;
use crate::domain::ids::TokenId;
use crate::domain::policy::{Policy, Rules, ScopeRules};
use crate::domain::secret::Secret;
use crate::domain::trust::TokenKey;
use crate::store::{
    AuditEntry, Bump, Ends, Error, ImportedFile, Owner, Store, StoredGateway, StoredIdentity,
    StoredIdentityKey, StoredIssuer, StoredLogout, StoredPolicy, StoredServer,
    StoredServiceAccount, StoredSession, StoredToken, StoredUser,
};

super::on_each_database!(
    a_server_reads_back_as_it_was_written,
    a_taken_path_is_refused_and_the_transaction_goes_on,
    an_update_from_an_older_version_is_stale,
    servers_are_listed_by_the_bytes_of_their_path,
    a_removed_server_is_gone_and_its_path_is_free,
    tokens_are_counted_revoked_and_forgotten,
    keys_that_count_are_listed_and_end_with_their_owner,
    owners_of_one_name_at_two_providers_are_two,
    sessions_of_a_user_end_but_for_one,
    service_accounts_are_added_replaced_and_removed,
    a_gateway_of_a_name_is_kept_once_until_it_is_removed,
    sessions_are_touched_ended_and_purged,
    the_first_key_of_a_name_holds,
    a_file_is_noted_once_with_its_last_content,
    users_are_added_replaced_and_removed,
    the_policy_is_replaced_only_from_the_version_that_was_read,
    an_issuer_is_kept_as_it_was_last_seen,
    sessions_of_a_provider_end_by_their_name_there_or_by_user,
    logouts_and_what_is_used_once_are_remembered_while_they_matter,
    keys_of_gateways_are_kept_as_long_as_they_are_seen,
    the_audit_lists_the_newest_first,
    no_secret_is_stored_in_the_clear,
);

async fn add(store: &dyn Store, servers: &[StoredServer]) {
    let mut transaction = store.begin().await.unwrap();
    for server in servers {
        transaction.servers().insert(server).await.unwrap();
    }
    transaction.commit(Bump::Yes).await.unwrap();
}

async fn a_server_reads_back_as_it_was_written(fixture: &Fixture) {
    let stored = server("/time", 1);
    let store = fixture.open().await;
    add(&*store, std::slice::from_ref(&stored)).await;
    let mut reading = store.read().await.unwrap();
    assert_eq!(
        reading.servers().find(&path("/time")).await.unwrap(),
        Some(stored)
    );
    assert_eq!(reading.servers().find(&path("/other")).await.unwrap(), None);
}

async fn a_taken_path_is_refused_and_the_transaction_goes_on(fixture: &Fixture) {
    let store = fixture.open().await;
    let mut transaction = store.begin().await.unwrap();
    transaction
        .servers()
        .insert(&server("/time", 1))
        .await
        .unwrap();
    let again = transaction.servers().insert(&server("/time", 7)).await;
    assert!(matches!(again, Err(Error::Exists)), "{again:?}");
    transaction
        .servers()
        .insert(&server("/other", 1))
        .await
        .unwrap();
    transaction.commit(Bump::Yes).await.unwrap();

    let listed = store.read().await.unwrap().servers().list().await.unwrap();
    assert_eq!(listed, [server("/other", 1), server("/time", 1)]);
}

async fn an_update_from_an_older_version_is_stale(fixture: &Fixture) {
    let store = fixture.open().await;
    add(&*store, &[server("/time", 1)]).await;
    let mut next = server("/time", 2);
    next.definition.enabled = false;
    next.definition.headers.clear();

    let mut transaction = store.begin().await.unwrap();
    transaction.servers().update(&next).await.unwrap();
    transaction.commit(Bump::Yes).await.unwrap();

    let mut transaction = store.begin().await.unwrap();
    for version in [0, 1, 2, 4] {
        let late = transaction
            .servers()
            .update(&server("/time", version))
            .await;
        assert!(
            matches!(late, Err(Error::Stale)),
            "version {version}: {late:?}"
        );
    }
    let missing = transaction.servers().update(&server("/missing", 2)).await;
    assert!(matches!(missing, Err(Error::Stale)), "{missing:?}");
    assert_eq!(
        transaction.servers().find(&path("/time")).await.unwrap(),
        Some(next)
    );
}

async fn servers_are_listed_by_the_bytes_of_their_path(fixture: &Fixture) {
    let store = fixture.open().await;
    let sorted = ["/B", "/a", "/a-b", "/a.b", "/a/b", "/a_b", "/aa", "/b"];
    let mut servers: Vec<_> = sorted.iter().map(|at| server(at, 1)).collect();
    servers.reverse();
    add(&*store, &servers).await;

    let listed = store.read().await.unwrap().servers().list().await.unwrap();
    let paths: Vec<_> = listed
        .iter()
        .map(|server| server.definition.path.as_str())
        .collect();
    assert_eq!(paths, sorted);
}

async fn a_removed_server_is_gone_and_its_path_is_free(fixture: &Fixture) {
    let store = fixture.open().await;
    add(&*store, &[server("/time", 1)]).await;
    let mut transaction = store.begin().await.unwrap();
    assert!(transaction.servers().remove(&path("/time")).await.unwrap());
    assert!(!transaction.servers().remove(&path("/time")).await.unwrap());
    assert_eq!(
        transaction.servers().find(&path("/time")).await.unwrap(),
        None
    );
    transaction
        .servers()
        .insert(&server("/time", 1))
        .await
        .unwrap();
}

async fn tokens_are_counted_revoked_and_forgotten(fixture: &Fixture) {
    let store = fixture.open().await;
    let (old, new) = (
        token("old", "ada", NOW),
        token("new", "ada", NOW.plus_seconds(60)),
    );
    let foreign = token("foreign", "grace", NOW.plus_seconds(30));
    let mut transaction = store.begin().await.unwrap();
    let tokens = transaction.tokens();
    for token in [&old, &new, &foreign] {
        tokens.insert(token).await.unwrap();
    }
    assert!(matches!(tokens.insert(&old).await, Err(Error::Exists)));
    assert_eq!(tokens.find(&new.id).await.unwrap().as_ref(), Some(&new));
    assert_eq!(
        tokens.list(Some(&owner("ada"))).await.unwrap(),
        [new.clone(), old.clone()]
    );
    assert_eq!(
        tokens.list(None).await.unwrap(),
        [new.clone(), foreign, old.clone()]
    );
    assert_eq!(tokens.count_since(&owner("ada"), NOW).await.unwrap(), 2);
    assert_eq!(
        tokens
            .count_since(&owner("ada"), NOW.plus_seconds(1))
            .await
            .unwrap(),
        1
    );
    assert_eq!(tokens.count_since(&owner("nobody"), NOW).await.unwrap(), 0);

    let at = NOW.plus_seconds(90);
    assert!(tokens.revoke(&new.id, at).await.unwrap());
    assert!(!tokens.revoke(&new.id, at.plus_seconds(1)).await.unwrap());
    assert!(!tokens.revoke(&TokenId("none".into()), at).await.unwrap());
    assert_eq!(
        tokens.find(&new.id).await.unwrap().unwrap().revoked_at,
        Some(at)
    );
    assert_eq!(
        tokens.revoked(at).await.unwrap(),
        [(new.id.clone(), new.expires_at)]
    );
    assert_eq!(tokens.revoked(new.expires_at).await.unwrap(), []);

    assert_eq!(tokens.purge(new.expires_at).await.unwrap(), 2);
    assert_eq!(tokens.find(&old.id).await.unwrap(), None);
    assert_eq!(tokens.list(None).await.unwrap().len(), 1);
}

async fn keys_that_count_are_listed_and_end_with_their_owner(fixture: &Fixture) {
    let store = fixture.open().await;
    let key = |id: &str, byte: u8, inherits| StoredToken {
        key_hash: Some(KeyHash([byte; 32])),
        inherits,
        ..token(id, "ada", NOW)
    };
    let (inherits, narrow) = (key("k1", 1, true), key("k2", 2, false));
    let ended = StoredToken {
        expires_at: NOW,
        ..key("k3", 3, true)
    };
    let mut transaction = store.begin().await.unwrap();
    let tokens = transaction.tokens();
    for token in [&inherits, &narrow, &ended, &token("t", "ada", NOW)] {
        tokens.insert(token).await.unwrap();
    }
    tokens.insert(&token("other", "grace", NOW)).await.unwrap();
    assert_eq!(
        tokens.api_keys(NOW).await.unwrap(),
        [inherits.clone(), narrow.clone()]
    );
    let ada = owner("ada");
    assert_eq!(tokens.revoke_of(&ada, Ends::Fixed, NOW).await.unwrap(), 2);
    assert_eq!(tokens.api_keys(NOW).await.unwrap(), [inherits]);
    assert_eq!(tokens.revoke_of(&ada, Ends::All, NOW).await.unwrap(), 1);
    assert_eq!(tokens.revoke_of(&ada, Ends::All, NOW).await.unwrap(), 0);
    assert_eq!(tokens.api_keys(NOW).await.unwrap(), []);
    let revoked = tokens.revoked(NOW).await.unwrap();
    let ids: Vec<_> = revoked.iter().map(|(id, _)| &*id.0).collect();
    assert_eq!(ids, ["t"], "keys are listed where they count");
}

async fn owners_of_one_name_at_two_providers_are_two(fixture: &Fixture) {
    let store = fixture.open().await;
    let foreign = Owner {
        provider: "keycloak".to_owned(),
        ..owner("ada")
    };
    let theirs = StoredToken {
        owner: foreign.clone(),
        ..token("theirs", "ada", NOW)
    };
    let ours = token("ours", "ada", NOW);
    let mut transaction = store.begin().await.unwrap();
    let tokens = transaction.tokens();
    tokens.insert(&theirs).await.unwrap();
    tokens.insert(&ours).await.unwrap();
    assert_eq!(tokens.list(Some(&foreign)).await.unwrap(), [theirs]);
    assert_eq!(
        tokens.list(Some(&owner("ada"))).await.unwrap(),
        std::slice::from_ref(&ours)
    );
    assert_eq!(tokens.count_since(&foreign, NOW).await.unwrap(), 1);
    assert_eq!(tokens.revoke_of(&foreign, Ends::All, NOW).await.unwrap(), 1);
    assert_eq!(tokens.find(&ours.id).await.unwrap(), Some(ours));
}

async fn sessions_of_a_user_end_but_for_one(fixture: &Fixture) {
    let store = fixture.open().await;
    let session = |number: u8, username: &str, provider: &str| StoredSession {
        id_hash: [number; 32],
        username: username.to_owned(),
        provider: provider.to_owned(),
        created_at: NOW,
        seen_at: NOW,
    };
    let mut transaction = store.begin().await.unwrap();
    let sessions = transaction.sessions();
    for (number, username, provider) in [
        (1, "ada", "local"),
        (2, "ada", "local"),
        (3, "ada", "keycloak"),
        (4, "grace", "local"),
    ] {
        sessions
            .insert(&session(number, username, provider))
            .await
            .unwrap();
    }
    let keep = Some(&[2; 32]);
    assert_eq!(sessions.remove_of("ada", "local", keep).await.unwrap(), 1);
    assert_eq!(sessions.find(&[1; 32]).await.unwrap(), None);
    assert_eq!(sessions.remove_of("ada", "local", None).await.unwrap(), 1);
    for number in [3, 4] {
        assert!(sessions.find(&[number; 32]).await.unwrap().is_some());
    }
}

async fn service_accounts_are_added_replaced_and_removed(fixture: &Fixture) {
    let store = fixture.open().await;
    let account = |name: &str, disabled| StoredServiceAccount {
        name: name.to_owned(),
        description: "deploys".to_owned(),
        groups: vec!["ci".to_owned()],
        scopes: vec!["read".to_owned(), "write".to_owned()],
        disabled,
        created_at: NOW,
        updated_at: NOW.plus_seconds(1),
    };
    let mut transaction = store.begin().await.unwrap();
    let accounts = transaction.service_accounts();
    for (name, disabled) in [("deploy", false), ("backup", false), ("deploy", true)] {
        accounts.upsert(&account(name, disabled)).await.unwrap();
    }
    assert_eq!(
        accounts.list().await.unwrap(),
        [account("backup", false), account("deploy", true)]
    );
    assert!(accounts.remove("backup").await.unwrap());
    assert!(!accounts.remove("backup").await.unwrap());
    assert_eq!(accounts.find("backup").await.unwrap(), None);
    assert_eq!(
        accounts.find("deploy").await.unwrap(),
        Some(account("deploy", true))
    );
}

async fn a_gateway_of_a_name_is_kept_once_until_it_is_removed(fixture: &Fixture) {
    let store = fixture.open().await;
    let gateway = |name: &str, number: u8| StoredGateway {
        name: name.to_owned(),
        id: format!("{number:016x}"),
        key_hash: KeyHash([number; 32]),
        sends_body: number.is_multiple_of(2),
        created_at: NOW,
        created_by: "ada".to_owned(),
    };
    let mut transaction = store.begin().await.unwrap();
    let gateways = transaction.gateways();
    for (name, number) in [("nginx", 1), ("envoy", 2)] {
        gateways.insert(&gateway(name, number)).await.unwrap();
    }
    assert!(matches!(
        gateways.insert(&gateway("nginx", 3)).await,
        Err(Error::Exists)
    ));
    assert_eq!(
        gateways.list().await.unwrap(),
        [gateway("envoy", 2), gateway("nginx", 1)]
    );
    assert!(gateways.remove("nginx").await.unwrap());
    assert!(!gateways.remove("nginx").await.unwrap());
    assert_eq!(gateways.list().await.unwrap(), [gateway("envoy", 2)]);
}

async fn sessions_are_touched_ended_and_purged(fixture: &Fixture) {
    let store = fixture.open().await;
    let session = |number: u8, created: i64| StoredSession {
        id_hash: [number; 32],
        username: "ada".to_owned(),
        provider: "local".to_owned(),
        created_at: NOW.plus_seconds(created),
        seen_at: NOW.plus_seconds(created),
    };
    let mut transaction = store.begin().await.unwrap();
    let sessions = transaction.sessions();
    for (number, created) in [(1, 0), (2, 100), (3, 200)] {
        sessions.insert(&session(number, created)).await.unwrap();
    }
    assert!(matches!(
        sessions.insert(&session(1, 9)).await,
        Err(Error::Exists)
    ));
    sessions
        .touch(&[1; 32], NOW.plus_seconds(300))
        .await
        .unwrap();
    sessions
        .touch(&[1; 32], NOW.plus_seconds(250))
        .await
        .unwrap();
    let seen = sessions.find(&[1; 32]).await.unwrap().unwrap();
    assert_eq!(seen.seen_at, NOW.plus_seconds(300));
    assert_eq!(sessions.find(&[9; 32]).await.unwrap(), None);

    assert_eq!(sessions.purge(NOW.plus_seconds(150), NOW).await.unwrap(), 1);
    assert_eq!(sessions.find(&[2; 32]).await.unwrap(), None);
    assert_eq!(sessions.purge(NOW, NOW.plus_seconds(50)).await.unwrap(), 1);
    assert_eq!(sessions.find(&[1; 32]).await.unwrap(), None);
    assert!(sessions.remove(&[3; 32]).await.unwrap());
    assert!(!sessions.remove(&[3; 32]).await.unwrap());
}

async fn the_first_key_of_a_name_holds(fixture: &Fixture) {
    let store = fixture.open().await;
    let mut transaction = store.begin().await.unwrap();
    let key = |byte: u8| Secret::new(vec![byte; 48]);
    assert_eq!(transaction.keys().find("signing").await.unwrap(), None);
    assert_eq!(
        transaction.keys().keep("signing", key(1)).await.unwrap(),
        key(1)
    );
    assert_eq!(
        transaction.keys().keep("signing", key(2)).await.unwrap(),
        key(1)
    );
    assert_eq!(
        transaction.keys().keep("session", key(3)).await.unwrap(),
        key(3)
    );
    transaction.commit(Bump::No).await.unwrap();

    let mut reading = store.read().await.unwrap();
    assert_eq!(reading.keys().find("signing").await.unwrap(), Some(key(1)));
    assert_eq!(reading.keys().find("session").await.unwrap(), Some(key(3)));
}

async fn a_file_is_noted_once_with_its_last_content(fixture: &Fixture) {
    let store = fixture.open().await;
    let file = |name: &str, hash: u8| ImportedFile {
        file: name.to_owned(),
        hash: [hash; 32],
        path: path("/time"),
    };
    let mut transaction = store.begin().await.unwrap();
    for (name, hash) in [("b.json", 1), ("a.json", 2), ("b.json", 3)] {
        transaction.imports().keep(&file(name, hash)).await.unwrap();
    }
    let listed = transaction.imports().list().await.unwrap();
    assert_eq!(listed, [file("a.json", 2), file("b.json", 3)]);
}

async fn users_are_added_replaced_and_removed(fixture: &Fixture) {
    let store = fixture.open().await;
    let user = |name: &str, hash: &str, disabled| StoredUser {
        username: name.to_owned(),
        password_hash: Secret::new(hash.to_owned()),
        groups: vec!["mcp-registry-admin".to_owned(), "b".to_owned()],
        disabled,
        updated_at: NOW,
    };
    let mut transaction = store.begin().await.unwrap();
    let users = transaction.users();
    assert_eq!(users.find("admin").await.unwrap(), None);
    users
        .upsert(&user("admin", "$argon2id$1", false))
        .await
        .unwrap();
    users
        .upsert(&user("ada", "$argon2id$2", false))
        .await
        .unwrap();
    users
        .upsert(&user("admin", "$argon2id$3", true))
        .await
        .unwrap();
    let admin = user("admin", "$argon2id$3", true);
    assert_eq!(users.find("admin").await.unwrap().as_ref(), Some(&admin));
    assert_eq!(
        users.list().await.unwrap(),
        [user("ada", "$argon2id$2", false), admin]
    );
    assert!(users.remove("ada").await.unwrap());
    assert!(!users.remove("ada").await.unwrap());
    assert_eq!(users.find("ada").await.unwrap(), None);
}

async fn the_policy_is_replaced_only_from_the_version_that_was_read(fixture: &Fixture) {
    let store = fixture.open().await;
    let written = |version: u64, scope: &str| {
        let mut rules = Rules::default();
        rules.scopes.insert(scope.to_owned(), ScopeRules::default());
        let groups = rules.groups.entry("héllo \"quoted\"".to_owned());
        groups.or_default().insert(scope.to_owned());
        StoredPolicy {
            policy: Policy::new(rules),
            version,
            updated_at: NOW,
            updated_by: "ada".to_owned(),
        }
    };
    let mut transaction = store.begin().await.unwrap();
    assert_eq!(transaction.policy().find().await.unwrap(), None);
    for version in [0, 2] {
        let late = transaction.policy().keep(&written(version, "a")).await;
        assert!(matches!(late, Err(Error::Stale)), "{version}: {late:?}");
    }
    transaction.policy().keep(&written(1, "a")).await.unwrap();
    transaction.commit(Bump::Yes).await.unwrap();

    let mut transaction = store.begin().await.unwrap();
    for version in [1, 3] {
        let late = transaction.policy().keep(&written(version, "b")).await;
        assert!(matches!(late, Err(Error::Stale)), "{version}: {late:?}");
    }
    transaction.policy().keep(&written(2, "b")).await.unwrap();
    transaction.commit(Bump::Yes).await.unwrap();
    let found = store.read().await.unwrap().policy().find().await.unwrap();
    assert_eq!(found, Some(written(2, "b")));
}

async fn the_audit_lists_the_newest_first(fixture: &Fixture) {
    let store = fixture.open().await;
    let entry = |number: usize| AuditEntry {
        at: NOW,
        actor: "ada".to_owned(),
        action: "server.create".to_owned(),
        subject: format!("/s{number}"),
        request_id: "r-1".to_owned(),
        ..AuditEntry::default()
    };
    for number in 0..3 {
        let mut transaction = store.begin().await.unwrap();
        transaction.audit().append(&entry(number)).await.unwrap();
        transaction.commit(Bump::No).await.unwrap();
    }
    let mut reading = store.read().await.unwrap();
    assert_eq!(reading.audit().list(2).await.unwrap(), [entry(2), entry(1)]);
    assert_eq!(reading.audit().list(9).await.unwrap().len(), 3);
}

async fn no_secret_is_stored_in_the_clear(fixture: &Fixture) {
    let store = fixture.open().await;
    add(&*store, &[server("/time", 1)]).await;
    let key = b"0123456789-signing-key-material".to_vec();
    let mut transaction = store.begin().await.unwrap();
    transaction
        .keys()
        .keep("signing", Secret::new(key.clone()))
        .await
        .unwrap();
    transaction.commit(Bump::No).await.unwrap();

    let stored = fixture.stored_bytes().await;
    let holds = |needle: &[u8]| stored.windows(needle.len()).any(|window| window == needle);
    assert!(holds(b"Says the time"), "looked at the wrong bytes");
    assert!(!holds(UPSTREAM_SECRET.as_bytes()));
    assert!(!holds(&key));
}

async fn an_issuer_is_kept_as_it_was_last_seen(fixture: &Fixture) {
    let store = fixture.open().await;
    let mut issuer = StoredIssuer {
        issuer: "https://idp".into(),
        keys_url: Some("https://idp/keys".into()),
        keys: Vec::new(),
        scopes: BTreeSet::new(),
        fetched_at: NOW,
    };
    let mut transaction = store.begin().await.unwrap();
    assert_eq!(
        transaction.oidc().issuer("https://idp").await.unwrap(),
        None
    );
    transaction.oidc().keep_issuer(&issuer).await.unwrap();
    let text = r#"[{"kid":"a","kty":"OKP","crv":"Ed25519","x":"AA"}]"#;
    issuer.keys = serde_json::from_str(text).unwrap();
    issuer.keys_url = None;
    issuer.scopes = ["openid".to_owned(), "read".to_owned()].into();
    transaction.oidc().keep_issuer(&issuer).await.unwrap();
    transaction.commit(Bump::Yes).await.unwrap();
    let found = store
        .read()
        .await
        .unwrap()
        .oidc()
        .issuer("https://idp")
        .await;
    assert_eq!(found.unwrap(), Some(issuer));
}

async fn sessions_of_a_provider_end_by_their_name_there_or_by_user(fixture: &Fixture) {
    let store = fixture.open().await;
    let mut transaction = store.begin().await.unwrap();
    let identity = |number: u8, subject: &str, sid: Option<&str>| StoredIdentity {
        id_hash: [number; 32],
        issuer: "https://idp".into(),
        subject: subject.into(),
        sid: sid.map(str::to_owned),
        username: "Ann".into(),
        groups: vec!["g".into()],
        id_token: Secret::new(UPSTREAM_SECRET.to_owned()),
    };
    let all = [
        identity(1, "ann", Some("a")),
        identity(2, "ann", Some("b")),
        identity(3, "ann", None),
        identity(4, "bob", Some("c")),
    ];
    for one in &all {
        let session = StoredSession {
            id_hash: one.id_hash,
            username: one.username.clone(),
            provider: "oidc".into(),
            created_at: NOW,
            seen_at: NOW,
        };
        transaction.sessions().insert(&session).await.unwrap();
        transaction.oidc().insert_session(one).await.unwrap();
    }
    let oidc = transaction.oidc();
    assert_eq!(oidc.session(&[1; 32]).await.unwrap().as_ref(), all.first());
    assert_eq!(oidc.session(&[9; 32]).await.unwrap(), None);
    let elsewhere = oidc
        .end_sessions("https://other", Some("ann"), Some("a"))
        .await;
    assert_eq!(elsewhere.unwrap(), Vec::<[u8; 32]>::new());
    let none = oidc.end_sessions("https://idp", None, None).await;
    assert_eq!(none.unwrap(), Vec::<[u8; 32]>::new());
    let named = oidc
        .end_sessions("https://idp", Some("ann"), Some("b"))
        .await;
    assert_eq!(named.unwrap(), [[2; 32]]);
    let mut of_user = oidc
        .end_sessions("https://idp", Some("ann"), None)
        .await
        .unwrap();
    of_user.sort_unstable();
    assert_eq!(of_user, [[1; 32], [3; 32]]);
    for (number, left) in [(1, false), (2, false), (3, false), (4, true)] {
        let id_hash = [number; 32];
        assert_eq!(
            transaction
                .sessions()
                .find(&id_hash)
                .await
                .unwrap()
                .is_some(),
            left
        );
        assert_eq!(
            transaction
                .oidc()
                .session(&id_hash)
                .await
                .unwrap()
                .is_some(),
            left
        );
    }
    transaction.sessions().remove(&[4; 32]).await.unwrap();
    transaction.oidc().purge(NOW).await.unwrap();
    assert_eq!(transaction.oidc().session(&[4; 32]).await.unwrap(), None);
}

async fn logouts_and_what_is_used_once_are_remembered_while_they_matter(fixture: &Fixture) {
    let store = fixture.open().await;
    let mut transaction = store.begin().await.unwrap();
    let oidc = transaction.oidc();
    let logout = |name: &str, at: i64| StoredLogout {
        name: name.into(),
        at: NOW.plus_seconds(at),
        ends_at: NOW.plus_seconds(at + 100),
    };
    for one in [
        logout("a", 0),
        logout("b", 5),
        logout("a", 9),
        logout("a", 3),
    ] {
        oidc.log_out(&one).await.unwrap();
    }
    assert_eq!(
        oidc.logouts(NOW).await.unwrap(),
        [logout("a", 9), logout("b", 5)]
    );
    let later = NOW.plus_seconds(105);
    assert_eq!(oidc.logouts(later).await.unwrap(), [logout("a", 9)]);
    assert!(oidc.use_once(&[1; 32], later).await.unwrap());
    assert!(!oidc.use_once(&[1; 32], later).await.unwrap());
    assert!(
        oidc.use_once(&[2; 32], NOW.plus_seconds(200))
            .await
            .unwrap()
    );
    oidc.purge(later).await.unwrap();
    assert_eq!(oidc.logouts(NOW).await.unwrap(), [logout("a", 9)]);
    assert!(oidc.use_once(&[1; 32], later).await.unwrap());
    assert!(!oidc.use_once(&[2; 32], later).await.unwrap());
}

async fn keys_of_gateways_are_kept_as_long_as_they_are_seen(fixture: &Fixture) {
    let store = fixture.open().await;
    let key = |kid: &str, seen: i64| StoredIdentityKey {
        key: TokenKey {
            kid: kid.into(),
            x: "X".into(),
            y: "Y".into(),
        },
        gateway: "gw".into(),
        seen_at: NOW.plus_seconds(seen),
    };
    let mut transaction = store.begin().await.unwrap();
    let keys = transaction.identity_keys();
    for one in [key("b", 0), key("B", 1), key("a", 2), key("b", 3)] {
        keys.see(&one).await.unwrap();
    }
    transaction.commit(Bump::Yes).await.unwrap();
    let found = store.read().await.unwrap().identity_keys().list().await;
    assert_eq!(found.unwrap(), [key("B", 1), key("a", 2), key("b", 3)]);
    let mut transaction = store.begin().await.unwrap();
    let keys = transaction.identity_keys();
    assert_eq!(keys.purge(NOW.plus_seconds(2)).await.unwrap(), 1);
    assert_eq!(keys.purge(NOW.plus_seconds(2)).await.unwrap(), 0);
    assert_eq!(keys.list().await.unwrap(), [key("a", 2), key("b", 3)]);
    assert!(keys.remove("a").await.unwrap());
    assert!(!keys.remove("a").await.unwrap());
    assert_eq!(keys.list().await.unwrap(), [key("b", 3)]);
}
