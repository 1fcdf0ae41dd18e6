//! `object_store`'s own integration suite: every function that applies, in both versions, over every transport, with
//! and without coordinated creates, and with faults.
//!
//! Not called: `tagging` (B2 doesn't support tags), `signing` and `response_extensions` (of its own HTTP clients).

use crate::fixture::{Fixture, Transport, run};

/// The suite for one version.
macro_rules! suite {
    ($version:ident { $($more:ident),* }) => {
        mod $version {
            use b2kit_object_store::B2Store;
            use b2kit_object_store::$version::object_store::{Error, ObjectStore as _, integration};
            use futures::TryStreamExt as _;

            use super::*;

            mod cases {
                use super::*;

                pub(super) async fn put_get_delete_list(store: &B2Store) {
                    integration::put_get_delete_list(store).await;
                }

                pub(super) async fn put_get_attributes(store: &B2Store) {
                    integration::put_get_attributes(store).await;
                }

                pub(super) async fn get_opts(store: &B2Store) {
                    integration::get_opts(store).await;
                }

                pub(super) async fn put_opts(store: &B2Store) {
                    integration::put_opts(store, false).await;
                }

                pub(super) async fn stream_get(store: &B2Store) {
                    integration::stream_get(store).await;
                }

                pub(super) async fn list_uses_directories_correctly(store: &B2Store) {
                    integration::list_uses_directories_correctly(store).await;
                }

                pub(super) async fn list_with_delimiter(store: &B2Store) {
                    integration::list_with_delimiter(store).await;
                }

                pub(super) async fn list_with_offset_exclusivity(store: &B2Store) {
                    integration::list_with_offset_exclusivity(store).await;
                }

                pub(super) async fn list_paginated(store: &B2Store) {
                    integration::list_paginated(store, store).await;
                }

                pub(super) async fn get_nonexistent_object(store: &B2Store) {
                    let error = integration::get_nonexistent_object(store, None).await.unwrap_err();
                    assert!(matches!(error, Error::NotFound { .. }), "{error}");
                }

                pub(super) async fn rename_and_copy(store: &B2Store) {
                    integration::rename_and_copy(store).await;
                }

                pub(super) async fn copy_if_not_exists(store: &B2Store) {
                    integration::copy_if_not_exists(store).await;
                }

                pub(super) async fn copy_rename_nonexistent_object(store: &B2Store) {
                    integration::copy_rename_nonexistent_object(store).await;
                }

                pub(super) async fn multipart(store: &B2Store) {
                    integration::multipart(store, store).await;
                }

                pub(super) async fn multipart_race_condition(store: &B2Store) {
                    integration::multipart_race_condition(store, true).await;
                }

                pub(super) async fn multipart_out_of_order(store: &B2Store) {
                    integration::multipart_out_of_order(store).await;
                }

                $(pub(super) async fn $more(store: &B2Store) {
                    integration::$more(store, store).await;
                })*
            }

            /// The cases that need no coordination.
            async fn without_creates(store: &B2Store) {
                for_each!(store: put_get_delete_list, put_get_attributes, get_opts, stream_get,
                    list_uses_directories_correctly, list_with_delimiter,
                    list_with_offset_exclusivity, list_paginated, get_nonexistent_object,
                    rename_and_copy, multipart, multipart_race_condition, multipart_out_of_order
                    $(, $more)*);
            }

            /// The cases that do.
            async fn with_creates(store: &B2Store) {
                for_each!(store: put_opts, copy_if_not_exists, copy_rename_nonexistent_object);
            }

            async fn clear(store: &B2Store) {
                let paths = store.list(None).map_ok(|meta| meta.location);
                let deleted = store.delete_stream(Box::pin(paths));
                deleted.try_collect::<Vec<_>>().await.unwrap();
            }

            async fn with_faults(transport: Transport, seed: u64) {
                let fixture = Fixture::new(transport).await;
                let faults = fixture.inject_faults(seed);
                let store = fixture.coordinated();
                without_creates(&store).await;
                with_creates(&store).await;
                for (name, fault) in faults {
                    assert!(fixture.emulator.faults().hits(fault) > 0, "{name} never came");
                }
            }

            single! { in_process InProcess: put_get_delete_list, put_get_attributes, get_opts,
                put_opts, stream_get, list_uses_directories_correctly, list_with_delimiter,
                list_with_offset_exclusivity, list_paginated, get_nonexistent_object,
                rename_and_copy, copy_if_not_exists, copy_rename_nonexistent_object, multipart,
                multipart_race_condition, multipart_out_of_order $(, $more)* }

            #[test]
            fn suite_over_http() {
                run(async {
                    let fixture = Fixture::new(Transport::Http).await;
                    let store = fixture.coordinated();
                    without_creates(&store).await;
                    with_creates(&store).await;
                });
            }

            #[test]
            fn suite_without_coordination_over_both_transports() {
                run(async {
                    for transport in [Transport::InProcess, Transport::Http] {
                        let fixture = Fixture::new(transport).await;
                        without_creates(&fixture.uncoordinated()).await;
                    }
                });
            }

            #[test]
            fn suite_below_a_prefix_with_all_versions_deleted() {
                run(async {
                    let fixture = Fixture::in_process().await;
                    let store = B2Store::builder(fixture.bucket.clone())
                        .prefix("a/b")
                        .coordinate_creates(&fixture.slot)
                        .deletion(b2kit_object_store::Deletion::AllVersions);
                    let store = store.build().unwrap();
                    without_creates(&store).await;
                    with_creates(&store).await;
                });
            }

            #[test]
            fn suite_in_process_with_faults() {
                for seed in 1..=2 {
                    run(with_faults(Transport::InProcess, seed));
                }
            }

            #[test]
            fn suite_over_http_with_faults() {
                run(with_faults(Transport::Http, 4));
            }
        }
    };
}

/// Runs cases one after the other, each in an empty store.
macro_rules! for_each {
    ($store:ident: $($case:ident),*) => {
        $(
            clear($store).await;
            cases::$case($store).await;
        )*
    };
}

/// A test for each case.
macro_rules! single {
    ($module:ident $transport:ident: $($case:ident),*) => {
        mod $module {
            use super::*;

            $(#[test]
            fn $case() {
                run(async {
                    let fixture = Fixture::new(Transport::$transport).await;
                    cases::$case(&fixture.coordinated()).await;
                });
            })*
        }
    };
}

suite!(v0_13 {});
suite!(v0_14 {
    multipart_with_opts,
    multipart_put_part_out_of_order
});
