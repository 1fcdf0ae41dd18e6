//! The Partner API: accounts in groups, and backed-up computers.
//!
//! All calls need the master key of a group's administrator and a session of v3 or v4. Their
//! billing class is not documented; [`CallMetadata::class`](super::CallMetadata::class) is the most
//! expensive one. They follow B2's documented samples and are untested with a real group.
//! `b2_reserve_trial_create_account` is omitted, since its parameters are documented
//! inconsistently.
//!
//! | call | what it does |
//! |---|---|
//! | [`CreateGroupMember`] | creates an account in a group |
//! | [`EjectGroupMember`] | removes an account from a group |
//! | [`ListGroupMembers`] | lists the accounts of a group |
//! | [`ListGroups`] | lists the administrator's groups |
//! | [`ListComputers`] | lists an account's computers |
//! | [`DeleteComputer`] | deletes the backup of a computer |

mod create_group_member;
mod delete_computer;
mod eject_group_member;
mod list_computers;
mod list_group_members;
mod list_groups;

pub use create_group_member::{CreateGroupMember, CreatedGroupMember};
pub use delete_computer::DeleteComputer;
pub use eject_group_member::{EjectGroupMember, EjectedGroupMember};
pub use list_computers::{Computer, Computers, ListComputers};
pub use list_group_members::{GroupMember, GroupMembers, ListGroupMembers, MemberStats};
pub use list_groups::{AccountStandingDetails, Group, GroupStats, Groups, ListGroups};

use b2kit_core::Request;
use serde::{Deserialize, Serialize};

use super::call::{BillingClass, CallKind, CallMetadata};
use super::target::Target;
use crate::error::Error;
use crate::types::{AccountId, Timestamp, open_enum};

open_enum! {
    /// The region of an account's files.
    Region {
        /// Eastern United States.
        UsEast = "us-east",
        /// Western United States.
        UsWest = "us-west",
        /// Eastern Canada.
        CaEast = "ca-east",
        /// Central Europe.
        EuCentral = "eu-central",
    }
}

/// The metadata of a Partner API call. It has no capability, since the storage API's capabilities
/// don't cover these calls.
const fn metadata(name: &'static str, kind: CallKind) -> CallMetadata {
    CallMetadata {
        name,
        kind,
        capability: None,
        class: BillingClass::C,
        long_running: false,
        reconcile_on_first_error: false,
    }
}

const NOT_A_PARTNER: &str = "the session has no URL of the Partner API: its key is not a group \
                             administrator's, or its API version is v2";

/// A request to the Groups API, with the administrator's account id added to the document.
fn post_to_groups(
    target: &Target<'_>,
    metadata: &CallMetadata,
    document: &impl Serialize,
) -> Result<Request, Error> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct WithAdminAccountId<'a, T> {
        admin_account_id: &'a AccountId,
        #[serde(flatten)]
        document: &'a T,
    }
    let session = target.account()?;
    let origin = session.groups_api_url();
    let origin = origin.ok_or_else(|| Error::invalid(NOT_A_PARTNER))?;
    let url = format!("{origin}/b2api/{}/{}", target.version(), metadata.name);
    let admin_account_id = session.account_id();
    target.post_to(
        &url,
        &WithAdminAccountId {
            admin_account_id,
            document,
        },
    )
}

/// A request to the Computer Backup API, which has its own versions.
fn post_to_computers(
    target: &Target<'_>,
    metadata: &CallMetadata,
    document: &impl Serialize,
) -> Result<Request, Error> {
    let origin = target.account()?.backup_api_url();
    let origin = origin.ok_or_else(|| Error::invalid(NOT_A_PARTNER))?;
    target.post_to(
        &format!("{origin}/api/backup/v1/{}", metadata.name),
        document,
    )
}

/// Parses a timestamp, which the Groups API formats as `d20240512_m010709` (UTC). Numbers are
/// milliseconds. Anything else is `None`, so that the page doesn't fail.
fn timestamp<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Timestamp>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum WireTimestamp {
        Number(i64),
        Text(String),
        Other(serde::de::IgnoredAny),
    }
    Ok(match Option::deserialize(deserializer)? {
        Some(WireTimestamp::Number(millis)) => Some(Timestamp::from_millis(millis)),
        Some(WireTimestamp::Text(text)) => day_and_time(&text),
        Some(WireTimestamp::Other(_)) | None => None,
    })
}

fn day_and_time(text: &str) -> Option<Timestamp> {
    let digits = text.strip_prefix('d')?;
    let (day, time) = digits.split_once("_m")?;
    let is_right = |text: &str, len| text.len() == len && text.bytes().all(|b| b.is_ascii_digit());
    if !is_right(day, 8) || !is_right(time, 6) {
        return None;
    }
    let number = |at: std::ops::Range<usize>, text: &str| text[at].parse::<i64>().ok();
    let (year, month, day) = (number(0..4, day)?, number(4..6, day)?, number(6..8, day)?);
    let (hour, minute, second) = (
        number(0..2, time)?,
        number(2..4, time)?,
        number(4..6, time)?,
    );
    if !(1..=12).contains(&month)
        || !(1..=31).contains(&day)
        || hour > 23
        || minute > 59
        || second > 60
    {
        return None;
    }
    // Days since 1970, with years that start in March, so that the leap day is the last day.
    let (years, months) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days = 365 * years + years / 4 - years / 100 + years / 400 + (153 * months + 2) / 5 + day
        - 1
        - 719_468;
    let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
    Some(Timestamp::from_millis(seconds * 1_000))
}

/// Parses an id, which is a string in B2's samples and a number in its reference.
fn id<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Box<str>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum WireId {
        Text(Box<str>),
        Number(u64),
    }
    Ok(match WireId::deserialize(deserializer)? {
        WireId::Text(text) => text,
        WireId::Number(number) => number.to_string().into(),
    })
}

fn id_or_none<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Box<str>>, D::Error> {
    #[derive(Deserialize)]
    struct Present(#[serde(deserialize_with = "id")] Box<str>);
    let id: Option<Present> = Option::deserialize(deserializer)?;
    Ok(id.map(|Present(id)| id))
}

/// Parses a count, which is a number in B2's samples and a string in its SDK.
fn count<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum WireCount {
        Number(u64),
        Text(String),
    }
    Ok(match Option::deserialize(deserializer)? {
        Some(WireCount::Number(count)) => Some(count),
        Some(WireCount::Text(text)) => Some(text.parse().map_err(serde::de::Error::custom)?),
        None => None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::api::{ApiVersion, Call, Reply, Session};
    use crate::error::ErrorKind;
    use crate::types::Secret;

    fn session() -> Session {
        let origin = "https://api004.backblazeb2.com";
        let mut session = Session::new(ApiVersion::V4, "admin", Secret::new("t"), origin, origin);
        session.groups_api_url = Some("https://api001.backblazeb2.com".to_owned());
        session.backup_api_url = Some("https://api000.backblazeb2.com".to_owned());
        session
    }

    fn sent(call: &impl Call) -> (String, Value) {
        let session = session();
        let request = call.request(&Target::session(&session)).unwrap();
        let body = request.body().open().unwrap();
        let chunks: Vec<_> =
            futures::executor::block_on(futures::TryStreamExt::try_collect(body)).unwrap();
        let chunks: Vec<b2kit_core::Bytes> = chunks;
        let document = serde_json::from_slice(&chunks.concat()).unwrap();
        (request.uri().to_string(), document)
    }

    fn answered<C: Call>(call: &C, answer: &Value) -> C::Output {
        let (head, ()) = http::Response::new(()).into_parts();
        call.read(Reply::whole(head, answer.to_string().into()))
            .unwrap()
    }

    fn member() -> Value {
        json!({
            "accountId": "a1", "clusterNum": 4, "email": "a@example.com",
            "groupId": "7", "groupName": "group",
            "region": "us-west", "s3Endpoint": "https://s3.us-west-004.backblazeb2.com",
        })
    }

    #[test]
    fn a_member_is_created_and_ejected() {
        let create = CreateGroupMember::new("7", "a@example.com").region(Region::UsWest);
        let groups = "https://api001.backblazeb2.com/b2api/v4/";
        let document = json!({
            "adminAccountId": "admin", "groupId": "7",
            "memberEmail": "a@example.com", "region": "us-west",
        });
        assert_eq!(
            sent(&create),
            (format!("{groups}b2_create_group_member"), document)
        );
        let created = answered(
            &create,
            &json!({
                "applicationKey": "K004canary", "applicationKeyId": "k1", "groupMember": member(),
            }),
        );
        assert!(!format!("{created:?}").contains("canary"));
        assert_eq!(created.application_key.expose(), "K004canary");
        assert_eq!(created.group_member.region, Some(Region::UsWest));

        let eject = EjectGroupMember::new("7", "a1").email("a@example.com");
        let document = json!({
            "adminAccountId": "admin", "groupId": "7",
            "memberAccountId": "a1", "email": "a@example.com",
        });
        assert_eq!(
            sent(&eject),
            (format!("{groups}b2_eject_group_member"), document)
        );
        let answer = json!({
            "accountId": "a1", "email": "a@example.com", "groupId": "7", "groupName": "group",
            "region": "mars",
        });
        let ejected = answered(&eject, &answer);
        assert_eq!(ejected.region.unwrap().as_str(), "mars");
    }

    #[test]
    fn groups_and_their_members_are_listed_with_counts_of_either_form() {
        let list = ListGroups::new()
            .group_name("group")
            .start_group_id("7")
            .max_group_count(2);
        let document = json!({
            "adminAccountId": "admin",
            "groupName": "group", "startGroupId": "7", "maxGroupCount": 2,
        });
        assert_eq!(sent(&list).1, document);
        let page = answered(
            &list,
            &json!({
                "accountId": "admin",
                "groups": [{
                    "accountStandingDetails": {"state": "B2_GOOD_STANDING"},
                    "b2Stats": {
                        "b2BytesStoredCount": 0, "b2FilesStoredCount": 0, "bucketCount": 0,
                        "b2StatsAsOfTimestamp": "d20240511_m221251",
                    },
                    "groupId": "123456", "groupName": "group", "groupProducts": ["STORAGE"],
                    "groupStats": {
                        "createdTimestamp": "d20220202_m201921",
                        "groupStatsAsOfTimestamp": "d20240512_m010709",
                        "memberCount": "3",
                    },
                }],
                "nextGroupId": 8,
            }),
        );
        assert_eq!(page.next_group_id.as_deref(), Some("8"));
        let group = &page.groups[0];
        assert_eq!(
            (&*group.group_id, &*group.group_products),
            ("123456", &["STORAGE".to_owned()][..])
        );
        let standing = group.account_standing_details.as_ref().unwrap();
        assert_eq!(standing.state.as_deref(), Some("B2_GOOD_STANDING"));
        let millis = |moment: Option<Timestamp>| moment.map(Timestamp::as_millis);
        let stored = group.b2_stats.as_ref().unwrap();
        assert_eq!(stored.b2_bytes_stored_count, Some(0));
        assert_eq!(
            millis(stored.b2_stats_as_of_timestamp),
            Some(1_715_465_571_000)
        );
        let stats = group.group_stats.as_ref().unwrap();
        assert_eq!(stats.member_count, Some(3));
        assert_eq!(millis(stats.created_timestamp), Some(1_643_833_161_000));
        assert_eq!(
            millis(stats.group_stats_as_of_timestamp),
            Some(1_715_476_029_000)
        );

        let list = ListGroupMembers::new("7")
            .start_email("a")
            .max_member_count(2);
        let document = json!({
            "adminAccountId": "admin", "groupId": "7", "startEmail": "a", "maxMemberCount": 2,
        });
        assert_eq!(sent(&list).1, document);
        let (mut full, mut other) = (member(), member());
        other["email"] = "b@example.com".into();
        full["b2Stats"] = json!({
            "b2BytesStoredCount": 18_446_744_073_709_551_615_u64, "b2FilesStoredCount": "2",
            "b2StatsAsOfTimestamp": "d20210907_m162205", "bucketCount": null,
        });
        let page = answered(
            &list,
            &json!({
                "groupId": "7", "groupName": "group", "groupMembers": [full, other],
                "nextEmail": null,
            }),
        );
        let stats = page.group_members[0].b2_stats.as_ref().unwrap();
        assert_eq!(stats.b2_bytes_stored_count, Some(u64::MAX));
        assert_eq!(
            (stats.b2_files_stored_count, stats.bucket_count),
            (Some(2), None)
        );
        assert_eq!(
            stats.b2_stats_as_of_timestamp,
            Some(Timestamp::from_millis(1_631_031_725_000))
        );
        assert_eq!(page.group_members[0].cluster_num, Some(4));
        assert!(page.group_members[1].b2_stats.is_none());
    }

    #[test]
    fn pages_round_trip_and_absent_fields_stay_absent() {
        let list = ListGroups::new();
        let least = json!({
            "accountId": "admin", "nextGroupId": null,
            "groups": [{"groupId": "1", "groupName": "g", "groupProducts": []}],
        });
        assert_eq!(
            serde_json::to_value(answered(&list, &least)).unwrap(),
            least
        );
        let mut full = least;
        full["groups"][0]["groupStats"] = json!({"createdTimestamp": "d20240512_m010709"});
        full["groups"][0]["b2Stats"] = json!({
            "b2BytesStoredCount": "7", "b2StatsAsOfTimestamp": "d20240512_m010709",
        });
        let page = answered(&list, &full);
        let written = serde_json::to_value(&page).unwrap();
        assert_eq!(answered(&list, &written), page);
        let moment = Some(Timestamp::from_millis(1_715_476_029_000));
        let group = &page.groups[0];
        assert_eq!(
            group.b2_stats.as_ref().unwrap().b2_stats_as_of_timestamp,
            moment
        );
        assert_eq!(
            written["groups"][0]["groupStats"],
            json!({"createdTimestamp": 1_715_476_029_000_i64})
        );

        let list = ListGroupMembers::new("7");
        let mut least = member();
        for absent in ["clusterNum", "region", "s3Endpoint"] {
            least.as_object_mut().unwrap().remove(absent);
        }
        let page = json!({
            "groupId": "7", "groupName": "group", "groupMembers": [least], "nextEmail": null,
        });
        assert_eq!(serde_json::to_value(answered(&list, &page)).unwrap(), page);

        let list = ListComputers::new("a1");
        let page = json!({
            "computers": [{"computerId": "c1", "computerName": "mine"}], "nextComputerId": null,
        });
        assert_eq!(serde_json::to_value(answered(&list, &page)).unwrap(), page);
    }

    #[test]
    fn timestamps_are_parsed_in_every_form_and_invalid_ones_are_none() {
        #[derive(Deserialize)]
        struct Answer {
            #[serde(default, deserialize_with = "timestamp")]
            at: Option<Timestamp>,
        }
        for (at, millis) in [
            (json!("d19700101_m000000"), Some(0)),
            (json!("d20000229_m235959"), Some(951_868_799_000)),
            (json!("d20240512_m010709"), Some(1_715_476_029_000)),
            (json!(7), Some(7)),
            (json!(null), None),
            (json!("d20241312_m010709"), None),
            (json!("d20240512_m240000"), None),
            (json!("d2024051_m010709"), None),
            (json!("d+0240512_m010709"), None),
            (json!("yesterday"), None),
            (json!("dääää_m010709"), None),
            (json!({"seconds": 7}), None),
        ] {
            let answer: Answer = serde_json::from_value(json!({"at": at})).unwrap();
            assert_eq!(answer.at.map(Timestamp::as_millis), millis, "{at}");
        }
        assert!(serde_json::from_str::<Answer>("{}").unwrap().at.is_none());
    }

    #[test]
    fn computers_are_listed_and_deleted_at_the_backup_api() {
        let list = ListComputers::new("a1")
            .start_computer_id("c1")
            .max_computer_count(5);
        let place = "https://api000.backblazeb2.com/api/backup/v1/";
        let document = json!({"accountId": "a1", "startComputerId": "c1", "maxComputerCount": 5});
        assert_eq!(sent(&list), (format!("{place}bz_list_computers"), document));
        let computer =
            json!({"computerId": "c1", "computerName": "mine", "lastFileUploadedTimestamp": 9});
        let page = answered(
            &list,
            &json!({"computers": [computer], "nextComputerId": null}),
        );
        assert_eq!(&*page.computers[0].computer_name, "mine");
        let delete = DeleteComputer::new("a1", "c1");
        let document = json!({"accountId": "a1", "computerId": "c1"});
        assert_eq!(
            sent(&delete),
            (format!("{place}bz_delete_computer"), document)
        );
        assert_eq!(answered(&delete, &computer), page.computers[0]);
    }

    #[test]
    fn a_session_without_partner_api_is_refused() {
        let mut session = session();
        session.groups_api_url = None;
        session.backup_api_url = None;
        let target = Target::session(&session);
        let groups = ListGroups::new().request(&target).unwrap_err();
        let computers = ListComputers::new("a").request(&target).unwrap_err();
        for error in [groups, computers] {
            assert_eq!(error.kind(), ErrorKind::Invalid);
            assert!(error.to_string().contains("Partner API"), "{error}");
        }
    }
}
