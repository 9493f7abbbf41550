//! Users of identity providers, and what they have made here.

use super::fixture::{Fixture, NOW, token};
use crate::domain::api_key::KeyHash;
use crate::store::{Bump, Owner, SERVICE_ACCOUNT, StoredProviderUser, StoredToken};

super::on_each_database!(
    users_of_providers_are_known_by_their_last_login,
    keys_with_all_rights_follow_their_owner,
    the_use_of_a_key_is_noted_once_an_hour,
);

fn owner_at(provider: &str, subject: &str) -> Owner {
    Owner {
        provider: provider.to_owned(),
        subject: subject.to_owned(),
    }
}

async fn users_of_providers_are_known_by_their_last_login(fixture: &Fixture) {
    let store = fixture.open().await;
    let user = |subject: &str, groups: &[&str], at: i64| StoredProviderUser {
        owner: owner_at("oidc", subject),
        username: "ann".into(),
        groups: groups.iter().map(ToString::to_string).collect(),
        seen_at: NOW.plus_seconds(at),
    };
    let mut transaction = store.begin().await.unwrap();
    let oidc = transaction.oidc();
    assert_eq!(oidc.user(&owner_at("oidc", "a-1")).await.unwrap(), None);
    let last = user("a-1", &["staff"], 5);
    for one in [
        user("a-1", &["a", "b"], 0),
        user("a-2", &[], 9),
        last.clone(),
    ] {
        oidc.keep_user(&one).await.unwrap();
    }
    transaction.commit(Bump::No).await.unwrap();
    let mut transaction = store.begin().await.unwrap();
    let oidc = transaction.oidc();
    let found = oidc.user(&owner_at("oidc", "a-1")).await.unwrap();
    assert_eq!(found, Some(last.clone()));
    assert_eq!(oidc.user(&owner_at("keycloak", "a-1")).await.unwrap(), None);
    let both = [last.clone(), user("a-2", &[], 9)];
    assert_eq!(oidc.users_called("ann").await.unwrap(), both);
    assert_eq!(oidc.users_called("a-1").await.unwrap(), [last]);
    assert!(oidc.users_called("bob").await.unwrap().is_empty());
    oidc.purge(NOW.plus_seconds(400 * 86_400 + 6))
        .await
        .unwrap();
    assert_eq!(
        oidc.users_called("ann").await.unwrap(),
        [user("a-2", &[], 9)]
    );
}

async fn keys_with_all_rights_follow_their_owner(fixture: &Fixture) {
    let store = fixture.open().await;
    let key = |id: &str, whose: Owner, inherits: bool| StoredToken {
        owner: whose,
        key_hash: Some(KeyHash([u8::try_from(id.len()).unwrap(); 32])),
        groups: vec!["old".into()],
        inherits,
        ..token(id, "ann", NOW)
    };
    let ann = || owner_at("oidc", "ann");
    let all = [
        key("1", ann(), true),
        key("22", ann(), false),
        key("333", owner_at("keycloak", "ann"), true),
        StoredToken {
            key_hash: None,
            ..key("4444", ann(), true)
        },
        key("55555", owner_at(SERVICE_ACCOUNT, "ann"), true),
    ];
    let mut transaction = store.begin().await.unwrap();
    for one in &all {
        transaction.tokens().insert(one).await.unwrap();
    }
    let new = ["new".to_owned()];
    let tokens = transaction.tokens();
    assert_eq!(tokens.follow(&ann(), &new, NOW).await.unwrap(), 1);
    assert_eq!(tokens.follow(&ann(), &new, NOW).await.unwrap(), 0);
    for one in &all {
        let found = tokens.find(&one.id).await.unwrap().unwrap();
        let followed = &*one.id.0 == "1";
        assert_eq!(found.groups == new, followed, "{}", one.id);
    }
    let called = tokens.owners_called("ann").await.unwrap();
    assert_eq!(called, [owner_at("keycloak", "ann"), ann()]);
    assert!(tokens.owners_called("nobody").await.unwrap().is_empty());
}

async fn the_use_of_a_key_is_noted_once_an_hour(fixture: &Fixture) {
    let store = fixture.open().await;
    let mut transaction = store.begin().await.unwrap();
    let tokens = transaction.tokens();
    let key = StoredToken {
        key_hash: Some(KeyHash([1; 32])),
        ..token("key", "ann", NOW)
    };
    for one in [&key, &token("token", "ann", NOW)] {
        tokens.insert(one).await.unwrap();
    }
    let at = |seconds| NOW.plus_seconds(seconds);
    for (seconds, noted, last) in [
        (5, true, 5),
        (6, false, 5),
        (0, false, 5),
        (3_604, false, 5),
        (3_605, true, 3_605),
    ] {
        assert_eq!(tokens.used(&key.id, at(seconds)).await.unwrap(), noted);
        let found = tokens.find(&key.id).await.unwrap().unwrap();
        assert_eq!(found.last_used_at, Some(at(last)));
    }
    let other = token("token", "ann", NOW).id;
    assert!(!tokens.used(&other, NOW).await.unwrap());
    assert_eq!(
        tokens.find(&other).await.unwrap().unwrap().last_used_at,
        None
    );
}
