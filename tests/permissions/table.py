"""Who may what: the written table. Every verb, API route and page (`table_of_pages`) has a line, or the tests fail.

Whoever asks, in this order: nobody (not signed in); an outsider (an account without a role); viewer, operator and
owner of another tenant; viewer, operator and owner of the tenant whose rows are asked for; an operator of the platform.
In the head of the columns: `? o | v o w | v o w | p`.

    y  done: a page is shown; what is sent changes something
    n  denied: they may know that it is there (403)
    -  absent: there is no such thing for them, in the same words as for what never was (404)
    s  to be signed in first
    r  refused, whoever asks like this: the input, or the method
    l  led on to another page, with nothing changed

A subject of “.” is the page as such. Everything asked for is the tenant's own, but for shared registries.
What isn't `y` changes no row of any table; nobody of the first five is told anything of the tenant.
"""

VERBS = """
# verb                       | subject                    | ? o | v o w | v o w | p
applying.apply               | change set                 | - - | - - - | n y y | y
applying.roll_back           | moved mapping              | - - | - - - | n y y | y
applying.undo                | applied change set         | - - | - - - | n y y | y
approval.approve             | change set                 | - - | - - - | n y y | y
approval.require_approval    | .                          | - - | - - - | n n y | y
policy.change_policy         | .                          | - - | - - - | n n y | y
policy.confirm_policy        | .                          | - - | - - - | n n n | y
policy.withdraw_policy_request | .                        | - - | - - - | n n y | y
drafts.discard               | change set                 | - - | - - - | n y y | y
drafts.draft                 | .                          | - - | - - - | n y y | y
drafts.get_change_set        | change set                 | - - | - - - | y y y | y
drafts.get_differences       | change set                 | - - | - - - | y y y | y
drafts.redraft               | change set                 | - - | - - - | n y y | y
imports.preview_import       | .                          | n n | n y y | n y y | y
reports.verify_set           | moving change set          | - - | - - - | n y y | y
api_tokens.create_api_token  | for oneself                | n y | y y y | y y y | y
api_tokens.create_api_token  | for another                | n n | n n n | n n n | n
api_tokens.revoke_api_token  | another's                  | - - | - - - | - - - | y
api_tokens.revoke_every_api_token | another's              | n n | n n n | n n n | y
as_of.get_mappings_at        | .                          | - - | - - - | y y y | y
columns.choose_columns       | for oneself                | n y | y y y | y y y | y
claims.claim_hostname        | .                          | - - | - - - | n n y | y
claims.remove_claim          | .                          | - - | - - - | n n y | y
claims.get_claim             | .                          | - - | - - - | y y y | y
claims.check_claim           | .                          | - - | - - - | n n y | y
claims.vouch_hostname        | .                          | n n | n n n | n n n | y
apply.apply_document         | .                          | n n | n n n | n n n | y
published.get_published_routes | .                        | n n | n n n | n n n | y
current.current_document     | .                          | n n | n n n | n n n | y
confirmation.confirm_generation | .                       | n n | n n n | n n n | y
explain.explain         | .                          | - - | - - - | y y y | y
hostnames.get_hostname       | .                          | - - | - - - | y y y | y
contacts.get_contacts        | .                          | - - | - - - | y y y | y
self_tests.get_self_test     | .                          | - - | - - - | y y y | y
self_tests.get_self_tests     | .                          | - - | - - - | y y y | y
self_tests.share_self_test   | .                          | - - | - - - | n n y | y
self_tests.unshare_self_test | .                          | - - | - - - | n n y | y
contacts.get_appearances     | .                          | - - | - - - | y y y | y
fallback.get_fallback        | .                          | - - | - - - | y y y | y
signatures.get_signature_lines | .                        | - - | - - - | y y y | y
hostnames.add_hostname       | .                          | n n | n n n | n n n | y
hostnames.update_hostname    | a switch                   | - - | - - - | n n y | y
hostnames.update_hostname    | its suspension             | - - | - - - | n n n | y
hostnames.remove_hostname    | .                          | - - | - - - | n n y | y
hostnames.suspend_hostnames  | .                          | n n | n n n | n n n | y
exports.export_tenant        | .                          | - - | - - - | n n y | y
exports.export_person        | another                    | n n | n n n | n n n | y
exports.export_person        | oneself                    | n y | y y y | y y y | y
hand_over.get_hand_over      | .                          | n n | n n n | n n n | y
hand_over.hand_over_hostname | .                          | n n | n n n | n n n | y
history_check.check_history  | .                          | n n | n n n | n n n | y
mappings.get_mapping         | .                          | - - | - - - | y y y | y
mappings.add_mapping         | a part of a registry       | - - | - - - | n y y | y
mappings.add_mapping         | all of a shared registry   | - - | - - - | n r r | y
mappings.repoint             | a part of a registry       | - - | - - - | n y y | y
mappings.repoint             | all of a shared registry   | - - | - - - | n r r | y
mappings.update_mapping      | .                          | - - | - - - | n y y | y
mappings.switch_mappings     | .                          | - - | - - - | n y y | y
labels.change_labels         | mapping                    | - - | - - - | n y y | y
labels.change_labels         | hostname                   | - - | - - - | n n y | y
labels.change_labels         | own registry               | - - | - - - | n y y | y
labels.change_labels         | shared registry            | n n | n n n | n n n | y
notes.get_notes              | mapping                    | - - | - - - | y y y | y
notes.get_notes              | hostname                   | - - | - - - | y y y | y
notes.get_notes              | tenant                     | - - | - - - | y y y | y
notes.get_notes              | own registry               | - - | - - - | y y y | y
notes.get_notes              | shared registry            | n n | n n n | n n n | y
notes.add_note               | mapping                    | - - | - - - | n y y | y
notes.add_note               | hostname                   | - - | - - - | n n y | y
notes.add_note               | tenant                     | - - | - - - | n n y | y
notes.add_note               | own registry               | - - | - - - | n y y | y
notes.add_note               | shared registry            | n n | n n n | n n n | y
notes.remove_note            | another's                  | - - | - - - | n n y | y
notes.remove_note            | an operator's              | - - | - - - | n y y | y
notes.remove_note            | of the platform            | - - | - - - | - - - | y
mappings.remove_mapping      | .                          | - - | - - - | n y y | y
mappings.remove_mappings     | .                          | - - | - - - | n y y | y
members.invite               | .                          | - - | - - - | n n y | y
members.withdraw_invitation             | .                          | - - | - - - | n n y | y
members.get_invitation       | .                          | - - | - - - | y y y | y
members.get_member           | .                          | - - | - - - | y y y | y
members.add_member           | .                          | n n | n n n | n n n | y
members.change_role          | .                          | - - | - - - | n n y | y
members.remove_member        | another                    | - - | - - - | n n y | y
members.remove_member        | oneself                    | - - | - - - | y y r | -
members.account_of           | .                          | n n | n n n | n n n | y
person_removal.get_person    | another                    | n n | n n n | n n n | y
person_removal.get_person_removal | another               | n n | n n n | n n n | y
person_removal.get_person_removal | oneself               | n y | y y y | y y y | y
person_removal.remove_person | another                    | n n | n n n | n n n | y
# The last owner of a tenant, and the platform's last operator, find another one first.
person_removal.remove_person | oneself                    | n y | y y r | y y r | r
probe_jobs.request_probes   | own registry               | - - | - - - | n y y | y
probe_jobs.request_probes   | shared registry            | n n | n n n | n n n | y
probes.probe                | own registry               | - - | - - - | n y y | y
probes.probe                | shared registry            | n n | n n n | n n n | y
probes.probe_mapping        | .                          | - - | - - - | n y y | y
proof_checks.check_hostname      | .                          | - - | - - - | n n y | y
accounts.set_account         | own registry               | - - | - - - | n y y | y
accounts.set_account         | shared registry            | n n | n n n | n n n | y
accounts.remove_account      | own registry               | - - | - - - | n y y | y
accounts.remove_account      | shared registry            | n n | n n n | n n n | y
publication.publish_mapping  | .                          | - - | - - - | n n y | y
publication.unpublish_mapping | published mapping          | - - | - - - | n y y | y
registries.add_registry      | an own one                 | - - | - - - | n y y | y
registries.add_registry      | a shared one               | n n | n n n | n n n | y
registries.update_registry   | own registry               | - - | - - - | n y y | y
health.get_health            | own registry               | - - | - - - | y y y | y
health.get_health            | shared registry            | y y | y y y | y y y | y
registries.get_registry      | own registry               | - - | - - - | y y y | y
registries.get_registry      | shared registry            | y y | y y y | y y y | y
registries.update_registry   | shared registry            | n n | n n n | n n n | y
registries.remove_registry   | own registry               | - - | - - - | n y y | y
registries.remove_registry   | shared registry            | n n | n n n | n n n | y
restoration.get_waiting_restore | .                       | n n | n n n | n n n | y
restoration.confirm_restore  | .                          | n n | n n n | n n n | y
standbys.name_standby        | .                          | - - | - - - | n y y | y
standbys.remove_standby      | standing mapping           | - - | - - - | n y y | y
standbys.fail_back           | standing mapping           | - - | - - - | n y y | y
subscriptions.add_subscription | .                        | - - | - - - | n n y | y
subscriptions.get_subscription | .                        | - - | - - - | y y y | y
subscriptions.update_subscription | .                     | - - | - - - | n n y | y
subscriptions.renew_secret   | .                          | - - | - - - | n n y | y
subscriptions.try_subscription | .                        | - - | - - - | n n y | y
subscriptions.send_again     | .                          | - - | - - - | n n y | y
subscriptions.remove_subscription | .                     | - - | - - - | n n y | y
tenant_removal.get_tenant_removal | .                     | n n | n n n | n n n | y
tenant_removal.remove_tenant | an empty one               | n n | n n n | n n n | y
tenant_removal.remove_tenant | everything                 | n n | n n n | n n n | y
saved_filters.get_filter     | shared filter              | - - | - - - | y y y | y
saved_filters.get_filter     | another's filter           | - - | - - - | - - - | -
saved_filters.save_filter    | for oneself                | n y | y y y | y y y | y
saved_filters.save_filter    | shared                     | - - | - - - | n y y | y
saved_filters.update_filter  | shared filter              | - - | - - - | n y y | y
saved_filters.update_filter  | another's filter           | - - | - - - | - - - | -
saved_filters.remove_filter  | shared filter              | - - | - - - | n y y | y
saved_filters.remove_filter  | another's filter           | - - | - - - | - - - | -
schedule.schedule            | change set                 | - - | - - - | n y y | y
steps.apply_in_steps         | moving change set          | - - | - - - | n y y | y
steps.go_on                  | change set in steps        | - - | - - - | n y y | y
steps.stop_and_return        | change set in steps        | - - | - - - | n y y | y
tenants.add_tenant           | .                          | n n | n n n | n n n | y
tenants.update_tenant        | .                          | n n | n n n | n n n | y
tenants.suspend_tenants      | .                          | n n | n n n | n n n | y
verifications.get_differences | .                         | - - | - - - | y y y | y
verifications.get_verification | .                        | - - | - - - | y y y | y
verifications.start_verification | .                      | - - | - - - | n y y | y
verifications.stop_verification | .                       | - - | - - - | n y y | y
"""

# The routes of the API, below /api/v1. Everybody comes with a token of their own; nobody has none.
ROUTES = """
# route                                      | subject                  | ? o | v o w | v o w | p
GET /changes                                 | .                        | s y | y y y | y y y | y
POST /changes                                | .                        | s - | - - - | n y y | y
GET /changes/{change_set_id}                 | change set               | s - | - - - | y y y | y
PATCH /changes/{change_set_id}               | change set               | s - | - - - | n y y | y
POST /changes/{change_set_id}/apply          | change set               | s - | - - - | n y y | y
POST /changes/{change_set_id}/approve        | change set               | s - | - - - | n y y | y
POST /changes/{change_set_id}/discard        | change set               | s - | - - - | n y y | y
POST /changes/{change_set_id}/schedule       | change set               | s - | - - - | n y y | y
POST /changes/preview-import                 | .                        | s n | n l l | n l l | l
POST /changes/{change_set_id}/undo           | applied change set       | s - | - - - | n y y | y
POST /changes/{change_set_id}/go-on          | change set in steps      | s - | - - - | n y y | y
POST /changes/{change_set_id}/stop           | change set in steps      | s - | - - - | n y y | y
POST /changes/{change_set_id}/verify         | moving change set        | s - | - - - | n y y | y
GET /claims                                  | .                        | s y | y y y | y y y | y
POST /claims                                 | .                        | s - | - - - | n n y | y
DELETE /claims/{claim_id}                    | claim                    | s - | - - - | n n y | y
GET /claims/{claim_id}                       | claim                    | s - | - - - | y y y | y
POST /claims/{claim_id}/check                | claim                    | s - | - - - | n n y | y
POST /claims/{claim_id}/vouch                | claim                    | s - | - - - | n n n | y
GET /explain                                 | .                        | s - | - - - | y y y | y
GET /history                                 | .                        | s y | y y y | y y y | y
GET /history/as-of                           | .                        | s - | - - - | y y y | y
GET /history/chain                           | .                        | s n | n n n | n n n | y
GET /hostnames                               | .                        | s y | y y y | y y y | y
GET /live                                    | .                        | s y | y y y | y y y | y
POST /hostnames                              | .                        | s - | - - - | n n n | y
DELETE /hostnames/{hostname_id}              | idle hostname            | s - | - - - | n n y | y
GET /hostnames/{hostname_id}                 | hostname                 | s - | - - - | y y y | y
PATCH /hostnames/{hostname_id}               | hostname                 | s - | - - - | n n y | y
POST /hostnames/{hostname_id}/check          | proved hostname          | s - | - - - | n n y | y
GET /hostnames/{hostname_id}/contacts        | hostname                 | s - | - - - | y y y | y
GET /hostnames/{hostname_id}/contacts/feed   | hostname                 | s - | - - - | y y y | y
GET /hostnames/{hostname_id}/fallback        | hostname                 | s - | - - - | y y y | y
GET /hostnames/{hostname_id}/notes           | hostname                 | s - | - - - | y y y | y
POST /hostnames/{hostname_id}/notes          | hostname                 | s - | - - - | n n y | y
GET /mappings/{mapping_id}/notes             | mapping                  | s - | - - - | y y y | y
POST /mappings/{mapping_id}/notes            | mapping                  | s - | - - - | n y y | y
GET /registries/{registry_id}/notes          | registry                 | s - | - - - | y y y | y
POST /registries/{registry_id}/notes         | registry                 | s - | - - - | n y y | y
GET /registries/{registry_id}/notes          | shared registry          | s n | n n n | n n n | y
POST /registries/{registry_id}/notes         | shared registry          | s n | n n n | n n n | y
GET /tenants/{tenant}/notes                  | tenant                   | s - | - - - | y y y | y
POST /tenants/{tenant}/notes                 | tenant                   | s - | - - - | n n y | y
DELETE /notes/{note_id}                      | note                     | s - | - - - | n n y | y
DELETE /notes/{note_id}                      | note of the platform     | s - | - - - | - - - | y
GET /hostnames/{hostname_id}/signatures      | hostname                 | s - | - - - | y y y | y
POST /hostnames/{hostname_id}/doctor         | hostname                 | s - | - - - | n n y | y
GET /hostnames/{hostname_id}/self-tests      | hostname                 | s - | - - - | y y y | y
POST /hostnames/{hostname_id}/self-tests     | hostname                 | s - | - - - | n n y | y
GET /self-tests/{self_test_id}               | self-test                | s - | - - - | y y y | y
PUT /self-tests/{self_test_id}/link          | self-test                | s - | - - - | n n y | y
DELETE /self-tests/{self_test_id}/link       | shared self-test         | s - | - - - | n n y | y
GET /hostnames/{hostname_id}/hand-over       | hostname                 | s n | n n n | n n n | y
POST /hostnames/{hostname_id}/hand-over      | idle hostname            | s n | n n n | n n n | y
POST /hostnames/{hostname_id}/vouch          | proved hostname          | s - | - - - | n n n | y
PUT /hostnames/{hostname_id}/suspension      | hostname                 | s n | n n n | n n n | y
DELETE /hostnames/{hostname_id}/suspension   | suspended hostname       | s n | n n n | n n n | y
GET /hostnames/by-name                       | .                        | s - | - - - | y y y | y
GET /invitations                             | .                        | s y | y y y | y y y | y
POST /invitations                            | .                        | s - | - - - | n n y | y
DELETE /invitations/{invitation_id}          | invitation               | s - | - - - | n n y | y
GET /mappings                                | .                        | s y | y y y | y y y | y
POST /mappings                               | .                        | s - | - - - | n y y | y
POST /mappings                               | all of a shared registry | s - | - - - | n r r | y
PATCH /mappings                              | .                        | s - | - - - | n y y | y
GET /mappings/export.csv                     | .                        | s y | y y y | y y y | y
GET /mappings/by-name                        | .                        | s - | - - - | y y y | y
GET /invitations/{invitation_id}             | invitation               | s - | - - - | y y y | y
DELETE /mappings/{mapping_id}                | mapping                  | s - | - - - | n y y | y
GET /mappings/{mapping_id}                   | mapping                  | s - | - - - | y y y | y
PATCH /mappings/{mapping_id}                 | mapping                  | s - | - - - | n y y | y
PUT /mappings/{mapping_id}/publication       | mapping                  | s - | - - - | n n y | y
DELETE /mappings/{mapping_id}/publication    | published mapping        | s - | - - - | n y y | y
POST /mappings/{mapping_id}/roll-back        | moved mapping            | s - | - - - | n y y | y
PUT /mappings/{mapping_id}/standby           | mapping                  | s - | - - - | n y y | y
DELETE /mappings/{mapping_id}/standby        | standing mapping         | s - | - - - | n y y | y
POST /mappings/{mapping_id}/fail-back        | standing mapping         | s - | - - - | n y y | y
POST /mappings/{mapping_id}/probe            | mapping                  | s - | - - - | n y y | y
GET /members                                 | .                        | s y | y y y | y y y | y
POST /members                                | .                        | s - | - - - | n n n | y
DELETE /members/{member_id}                  | member                   | s - | - - - | n n y | y
GET /members/{member_id}                     | member                   | s - | - - - | y y y | y
PATCH /members/{member_id}                   | member                   | s - | - - - | n n y | y
GET /pulls                                   | .                        | s y | y y y | y y y | y
GET /pulls/orphans                           | .                        | s y | y y y | y y y | y
GET /pulls/references                        | .                        | s y | y y y | y y y | y
GET /pulls/shares                            | .                        | s y | y y y | y y y | y
GET /configuration                           | .                        | s n | n n n | n n n | y
POST /configuration                          | .                        | s n | n n n | n n n | y
GET /routes/envoy                            | .                        | s n | n n n | n n n | y
GET /people                                  | .                        | s n | n n n | n n n | y
DELETE /people/{user_id}                     | account                  | s n | n n n | n n n | y
GET /people/{user_id}/export                 | account                  | s n | n n n | n n n | y
GET /people/{user_id}/removal                | account                  | s n | n n n | n n n | y
GET /registries                              | .                        | s y | y y y | y y y | y
POST /registries                             | .                        | s - | - - - | n y y | y
POST /registries                             | a shared one             | s n | n n n | n n n | y
DELETE /registries/{registry_id}             | idle registry            | s - | - - - | n y y | y
DELETE /registries/{registry_id}             | shared registry          | s n | n n n | n n n | y
GET /registries/{registry_id}                | registry                 | s - | - - - | y y y | y
GET /registries/{registry_id}                | shared registry          | s y | y y y | y y y | y
GET /registries/{registry_id}/health         | registry                 | s - | - - - | y y y | y
GET /registries/{registry_id}/health         | shared registry          | s y | y y y | y y y | y
PATCH /registries/{registry_id}              | registry                 | s - | - - - | n y y | y
PATCH /registries/{registry_id}              | shared registry          | s n | n n n | n n n | y
PUT /registries/{registry_id}/account        | registry                 | s - | - - - | n y y | y
PUT /registries/{registry_id}/account        | shared registry          | s n | n n n | n n n | y
DELETE /registries/{registry_id}/account     | registry                 | s - | - - - | n y y | y
DELETE /registries/{registry_id}/account     | shared registry          | s n | n n n | n n n | y
POST /registries/{registry_id}/probe         | registry                 | s - | - - - | n y y | y
POST /registries/{registry_id}/probe         | shared registry          | s n | n n n | n n n | y
GET /saved-filters                           | .                        | s y | y y y | y y y | y
POST /saved-filters                          | .                        | s y | y y y | y y y | y
POST /saved-filters                          | shared                   | s - | - - - | n y y | y
GET /saved-filters/{filter_id}               | shared filter            | s - | - - - | y y y | y
GET /saved-filters/{filter_id}               | another's filter         | s - | - - - | - - - | -
PATCH /saved-filters/{filter_id}             | shared filter            | s - | - - - | n y y | y
DELETE /saved-filters/{filter_id}            | shared filter            | s - | - - - | n y y | y
GET /subscriptions                           | .                        | s y | y y y | y y y | y
POST /subscriptions                          | .                        | s - | - - - | n n y | y
GET /subscriptions/{subscription_id}         | subscription             | s - | - - - | y y y | y
PATCH /subscriptions/{subscription_id}       | subscription             | s - | - - - | n n y | y
DELETE /subscriptions/{subscription_id}      | subscription             | s - | - - - | n n y | y
POST /subscriptions/{subscription_id}/secret | subscription             | s - | - - - | n n y | y
POST /subscriptions/{subscription_id}/try    | subscription             | s - | - - - | n n y | y
GET /subscriptions/{subscription_id}/deliveries | subscription          | s - | - - - | y y y | y
POST /subscriptions/deliveries/{delivery_id}/send | delivery            | s - | - - - | n n y | y
GET /tenants                                 | .                        | s y | y y y | y y y | y
POST /tenants                                | .                        | s n | n n n | n n n | y
GET /tenants/{tenant}/export                 | tenant                   | s - | - - - | n n y | y
GET /tenants/{tenant}/removal                | tenant                   | s - | - - - | n n n | y
DELETE /tenants/{tenant}                     | idle tenant              | s - | - - - | n n n | y
GET /tenants/{tenant}                        | tenant                   | s - | - - - | y y y | y
PATCH /tenants/{tenant}                      | tenant                   | s - | - - - | n n n | y
DELETE /tenants/{tenant}/suspension          | suspended tenant         | s - | - - - | n n n | y
PUT /tenants/{tenant}/approval               | tenant                   | s - | - - - | n n y | y
GET /tenants/{tenant}/policy                 | tenant                   | s - | - - - | y y y | y
PATCH /tenants/{tenant}/policy               | tenant                   | s - | - - - | n n y | y
POST /tenants/{tenant}/policy/confirm        | tenant                   | s - | - - - | n n n | y
DELETE /tenants/{tenant}/policy/request      | tenant                   | s - | - - - | n n y | y
PUT /tenants/{tenant}/suspension             | tenant                   | s - | - - - | n n n | y
GET /tokens                                  | .                        | s y | y y y | y y y | y
GET /whoami                                  | .                        | s y | y y y | y y y | y
GET /watches                                 | .                        | s y | y y y | y y y | y
GET /verifications                           | .                        | s y | y y y | y y y | y
POST /verifications                          | .                        | s - | - - - | n y y | y
GET /verifications/{verification_id}         | verification             | s - | - - - | y y y | y
GET /verifications/{verification_id}/differences | verification         | s - | - - - | y y y | y
GET /verifications/{verification_id}/differences.csv | verification     | s - | - - - | y y y | y
GET /verifications/{verification_id}/plan    | verification             | s - | - - - | y y y | y
POST /verifications/{verification_id}/stop   | verification             | s - | - - - | n y y | y
"""
