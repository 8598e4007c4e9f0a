"""Who may what: the pages. How to read it stands in `table`."""

# The pages of the routing tables.
ADMIN = """
# page                                           | subject            | ? o | v o w | v o w | p
GET  admin/(?P<url>.*)$                          | .                  | s n | - - - | - - - | -
POST admin/(?P<url>.*)$                          | .                  | s n | - - - | - - - | -
GET  admin/routing/changeset/<path:object_id>/   | change set         | s n | l l l | l l l | l
POST admin/routing/changeset/<path:object_id>/   | change set         | s n | l l l | l l l | l
GET  admin/routing/hostname/<path:object_id>/    | hostname           | s n | l l l | l l l | l
POST admin/routing/hostname/<path:object_id>/    | hostname           | s n | l l l | l l l | l
GET  admin/routing/hostnameclaim/<path:object_id>/ | claim              | s n | l l l | l l l | l
POST admin/routing/hostnameclaim/<path:object_id>/ | claim              | s n | l l l | l l l | l
GET  admin/routing/invitation/<path:object_id>/  | invitation         | s n | l l l | l l l | l
POST admin/routing/invitation/<path:object_id>/  | invitation         | s n | l l l | l l l | l
GET  admin/routing/mapping/<path:object_id>/     | mapping            | s n | l l l | l l l | l
POST admin/routing/mapping/<path:object_id>/     | mapping            | s n | l l l | l l l | l
GET  admin/routing/membership/<path:object_id>/  | member             | s n | l l l | l l l | l
POST admin/routing/membership/<path:object_id>/  | member             | s n | l l l | l l l | l
GET  admin/routing/registry/<path:object_id>/    | registry           | s n | l l l | l l l | l
POST admin/routing/registry/<path:object_id>/    | registry           | s n | l l l | l l l | l
GET  admin/routing/subscription/<path:object_id>/ | subscription       | s n | l l l | l l l | l
POST admin/routing/subscription/<path:object_id>/ | subscription       | s n | l l l | l l l | l
GET  admin/routing/tenant/<path:object_id>/      | tenant             | s n | l l l | l l l | l
POST admin/routing/tenant/<path:object_id>/      | tenant             | s n | l l l | l l l | l
GET  admin:app_list                              | .                  | s n | y y y | y y y | y
POST admin:app_list                              | .                  | s n | r r r | r r r | r
GET  admin:autocomplete                          | .                  | s n | y y y | y y y | y
POST admin:autocomplete                          | .                  | s n | r r r | r r r | r
GET  admin:calendar                              | .                  | s n | y y y | y y y | y
POST admin:calendar                              | .                  | s n | r r r | r r r | r
GET  admin:history                               | .                  | s n | y y y | y y y | y
POST admin:history                               | .                  | s n | r r r | r r r | r
GET  admin:first_steps_hide                      | .                  | s n | r r r | r r r | r
POST admin:first_steps_hide                      | .                  | s n | y y y | y y y | y
GET  admin:history_chain                         | .                  | s n | n n n | n n n | y
POST admin:history_chain                         | .                  | s n | n n n | n n n | r
GET  admin:index                                 | .                  | s n | y y y | y y y | y
POST admin:index                                 | .                  | s n | r r r | r r r | r
GET  admin:jsi18n                                | .                  | s n | y y y | y y y | y
POST admin:jsi18n                                | .                  | s n | r r r | r r r | r
GET  admin:login                                 | .                  | s n | l l l | l l l | l
POST admin:login                                 | .                  | s n | l l l | l l l | l
GET  admin:logout                                | .                  | l l | y y y | y y y | y
POST admin:logout                                | .                  | l l | s s s | s s s | s
GET  admin:password_change                       | .                  | s n | l l l | l l l | l
POST admin:password_change                       | .                  | s n | l l l | l l l | l
GET  admin:password_change_done                  | .                  | s n | y y y | y y y | y
POST admin:password_change_done                  | .                  | s n | r r r | r r r | r
GET  admin:routing_changeset_change              | change set         | s n | - - - | y y y | y
GET  admin:routing_changeset_change              | applied change set | s n | - - - | y y y | y
GET  admin:routing_changeset_change              | change set in steps | s n | - - - | y y y | y
POST admin:routing_changeset_change              | change set         | s n | - - - | n y y | y
POST admin:routing_changeset_change              | applied change set | s n | - - - | n y y | y
POST admin:routing_changeset_change              | moving change set  | s n | - - - | n y y | y
POST admin:routing_changeset_change              | change set in steps | s n | - - - | n y y | y
GET  admin:routing_changeset_changelist          | .                  | s n | y y y | y y y | y
POST admin:routing_changeset_changelist          | .                  | s n | r r r | r r r | r
GET  admin:routing_hostname_add                  | .                  | s n | n n n | n n n | y
POST admin:routing_hostname_add                  | .                  | s n | n n n | n n n | y
GET  admin:routing_hostname_change               | hostname           | s n | - - - | y y y | y
POST admin:routing_hostname_change               | hostname           | s n | n n - | n n y | y
GET  admin:routing_hostname_changelist           | .                  | s n | y y y | y y y | y
POST admin:routing_hostname_changelist           | .                  | s n | r r r | r r r | r
POST admin:routing_hostname_changelist           | suspend            | s n | r r l | r r l | y
GET  admin:routing_hostname_columns              | .                  | s n | r r r | r r r | r
POST admin:routing_hostname_columns              | .                  | s n | y y y | y y y | y
GET  admin:routing_hostname_filters              | .                  | s n | r r r | r r r | r
POST admin:routing_hostname_filters              | .                  | s n | y y y | y y y | y
GET  admin:routing_hostname_check                | proved hostname    | s n | - - - | n n l | l
POST admin:routing_hostname_check                | proved hostname    | s n | - - - | n n y | y
GET  admin:routing_hostname_delete               | hostname           | s n | n n - | n n y | y
POST admin:routing_hostname_delete               | idle hostname      | s n | n n - | n n y | y
GET  admin:routing_hostname_doctor               | hostname           | s n | - - - | n n y | y
POST admin:routing_hostname_doctor               | hostname           | s n | - - - | n n y | y
GET  admin:routing_hostname_export               | .                  | s n | y y y | y y y | y
POST admin:routing_hostname_export               | .                  | s n | r r r | r r r | r
GET  admin:routing_hostname_export_yaml          | .                  | s n | y y y | y y y | y
POST admin:routing_hostname_export_yaml          | .                  | s n | r r r | r r r | r
GET  admin:routing_hostname_hand_over            | hostname           | s n | - - - | n n n | y
POST admin:routing_hostname_hand_over            | idle hostname      | s n | - - - | n n n | y
GET  admin:routing_hostname_history              | hostname           | s n | - - - | y y y | y
POST admin:routing_hostname_history              | hostname           | s n | - - - | r r r | r
GET  admin:routing_hostname_self_tests           | hostname           | s n | - - - | y y y | y
POST admin:routing_hostname_self_tests           | hostname           | s n | - - - | n n y | y
GET  admin:routing_hostname_vouch                | proved hostname    | s n | - - - | n n n | y
POST admin:routing_hostname_vouch                | proved hostname    | s n | - - - | n n n | y
GET  admin:routing_hostnameclaim_add             | .                  | s n | n n y | n n y | y
POST admin:routing_hostnameclaim_add             | .                  | s n | n n r | n n y | y
GET  admin:routing_hostnameclaim_change          | claim              | s n | - - - | y y y | y
POST admin:routing_hostnameclaim_change          | claim              | s n | n n n | n n n | n
GET  admin:routing_hostnameclaim_changelist      | .                  | s n | y y y | y y y | y
POST admin:routing_hostnameclaim_changelist      | .                  | s n | r r r | r r r | r
GET  admin:routing_hostnameclaim_check           | claim              | s n | - - - | n n l | l
POST admin:routing_hostnameclaim_check           | claim              | s n | - - - | n n y | y
GET  admin:routing_hostnameclaim_delete          | claim              | s n | n n - | n n y | y
POST admin:routing_hostnameclaim_delete          | claim              | s n | n n - | n n y | y
GET  admin:routing_hostnameclaim_vouch           | claim              | s n | - - - | n n n | y
POST admin:routing_hostnameclaim_vouch           | claim              | s n | - - - | n n n | y
GET  admin:routing_invitation_add                | .                  | s n | n n y | n n y | y
POST admin:routing_invitation_add                | .                  | s n | n n r | n n y | y
GET  admin:routing_invitation_change             | invitation         | s n | - - - | y y y | y
POST admin:routing_invitation_change             | invitation         | s n | n n n | n n n | n
GET  admin:routing_invitation_changelist         | .                  | s n | y y y | y y y | y
POST admin:routing_invitation_changelist         | .                  | s n | r r r | r r r | r
GET  admin:routing_invitation_delete             | invitation         | s n | n n - | n n y | y
POST admin:routing_invitation_delete             | invitation         | s n | n n - | n n y | y
GET  admin:routing_mapping_account               | mapping            | s n | - - - | n n y | y
POST admin:routing_mapping_account               | mapping            | s n | - - - | n n y | y
GET  admin:routing_mapping_add                   | .                  | s n | n y y | n y y | y
POST admin:routing_mapping_add                   | .                  | s n | n r r | n y y | y
GET  admin:routing_mapping_change                | mapping            | s n | - - - | y y y | y
POST admin:routing_mapping_change                | mapping            | s n | n - - | n y y | y
GET  admin:routing_mapping_changelist            | .                  | s n | y y y | y y y | y
POST admin:routing_mapping_changelist            | switch_off         | s n | r l l | r y y | y
POST admin:routing_mapping_changelist            | add_label          | s n | r l l | r y y | y
POST admin:routing_mapping_changelist            | repoint_all        | s n | r l l | r y y | y
POST admin:routing_mapping_changelist            | remove_all         | s n | r l l | r y y | y
POST admin:routing_mapping_changelist            | delete_selected    | s n | r l l | r l l | l
GET  admin:routing_mapping_columns               | .                  | s n | r r r | r r r | r
POST admin:routing_mapping_columns               | .                  | s n | y y y | y y y | y
GET  admin:routing_mapping_filters               | .                  | s n | r r r | r r r | r
POST admin:routing_mapping_filters               | .                  | s n | y y y | y y y | y
GET  admin:routing_mapping_delete                | mapping            | s n | n - - | n y y | y
POST admin:routing_mapping_delete                | mapping            | s n | n - - | n y y | y
GET  admin:routing_mapping_export                | .                  | s n | y y y | y y y | y
POST admin:routing_mapping_export                | .                  | s n | r r r | r r r | r
GET  admin:routing_mapping_export_yaml           | .                  | s n | y y y | y y y | y
POST admin:routing_mapping_export_yaml           | .                  | s n | r r r | r r r | r
GET  admin:routing_mapping_import                | .                  | s n | n y y | n y y | y
POST admin:routing_mapping_import                | .                  | s n | n r r | n y y | y
GET  admin:routing_hostname_notes                 | hostname           | s n | - - - | y y y | y
POST admin:routing_hostname_notes                 | hostname           | s n | - - - | n n y | y
GET  admin:routing_mapping_notes                  | mapping            | s n | - - - | y y y | y
POST admin:routing_mapping_notes                  | mapping            | s n | - - - | n y y | y
GET  admin:routing_registry_notes                 | registry           | s n | - - - | y y y | y
POST admin:routing_registry_notes                 | registry           | s n | - - - | n y y | y
GET  admin:routing_tenant_notes                   | tenant             | s n | - - - | y y y | y
POST admin:routing_tenant_notes                   | tenant             | s n | - - - | n n y | y
GET  admin:routing_registry_notes                | shared registry    | s n | n n n | n n n | y
POST admin:routing_registry_notes                | shared registry    | s n | n n n | n n n | y
GET  admin:routing_mapping_history               | mapping            | s n | - - - | y y y | y
POST admin:routing_mapping_history               | mapping            | s n | - - - | r r r | r
GET  admin:routing_mapping_probe                 | mapping            | s n | - - - | n l l | l
POST admin:routing_mapping_probe                 | mapping            | s n | - - - | n y y | y
GET  admin:routing_mapping_prospect              | .                  | s n | n y y | n y y | y
POST admin:routing_mapping_prospect              | .                  | s n | r r r | r r r | r
GET  admin:routing_mapping_report                | verification       | s n | - - - | y y y | y
POST admin:routing_mapping_report                | verification       | s n | - - - | l y y | y
GET  admin:routing_mapping_verify                | mapping            | s n | - - - | n y y | y
POST admin:routing_mapping_verify                | mapping            | s n | - - - | n y y | y
GET  admin:routing_mapping_roll_back             | moved mapping      | s n | - - - | n y y | y
POST admin:routing_mapping_roll_back             | moved mapping      | s n | - - - | n y y | y
GET  admin:routing_membership_add                | .                  | s n | n n n | n n n | y
POST admin:routing_membership_add                | .                  | s n | n n n | n n n | y
GET  admin:routing_membership_change             | member             | s n | - - - | y y y | y
POST admin:routing_membership_change             | member             | s n | n n - | n n y | y
GET  admin:routing_membership_changelist         | .                  | s n | y y y | y y y | y
POST admin:routing_membership_changelist         | .                  | s n | r r r | r r r | r
GET  admin:routing_membership_delete             | member             | s n | n n - | n n y | y
POST admin:routing_membership_delete             | member             | s n | n n - | n n y | y
GET  admin:routing_membership_history            | member             | s n | - - - | y y y | y
POST admin:routing_membership_history            | member             | s n | - - - | r r r | r
GET  admin:routing_registry_account              | registry           | s n | - - - | n y y | y
GET  admin:routing_registry_account              | shared registry    | s n | n n n | n n n | y
POST admin:routing_registry_account              | registry           | s n | - - - | n y y | y
POST admin:routing_registry_account              | shared registry    | s n | n n n | n n n | y
GET  admin:routing_registry_add                  | .                  | s n | n y y | n y y | y
POST admin:routing_registry_add                  | .                  | s n | n r r | n y y | y
POST admin:routing_registry_add                  | a shared one       | s n | n r r | n r r | y
GET  admin:routing_registry_change               | registry           | s n | - - - | y y y | y
GET  admin:routing_registry_change               | shared registry    | s n | y y y | y y y | y
POST admin:routing_registry_change               | registry           | s n | n - - | n y y | y
POST admin:routing_registry_change               | shared registry    | s n | n n n | n n n | y
GET  admin:routing_registry_changelist           | .                  | s n | y y y | y y y | y
POST admin:routing_registry_changelist           | .                  | s n | r r r | r r r | r
GET  admin:routing_registry_columns              | .                  | s n | r r r | r r r | r
POST admin:routing_registry_columns              | .                  | s n | y y y | y y y | y
GET  admin:routing_registry_filters              | .                  | s n | r r r | r r r | r
POST admin:routing_registry_filters              | .                  | s n | y y y | y y y | y
GET  admin:routing_registry_delete               | registry           | s n | n - - | n y y | y
GET  admin:routing_registry_delete               | shared registry    | s n | n n n | n n n | y
POST admin:routing_registry_delete               | idle registry      | s n | n - - | n y y | y
POST admin:routing_registry_delete               | shared registry    | s n | n n n | n n n | y
GET  admin:routing_registry_health               | registry           | s n | - - - | y y y | y
GET  admin:routing_registry_health               | shared registry    | s n | y y y | y y y | y
POST admin:routing_registry_health               | registry           | s n | r r r | r r r | r
GET  admin:routing_registry_export               | .                  | s n | y y y | y y y | y
POST admin:routing_registry_export               | .                  | s n | r r r | r r r | r
GET  admin:routing_registry_export_yaml          | .                  | s n | y y y | y y y | y
POST admin:routing_registry_export_yaml          | .                  | s n | r r r | r r r | r
GET  admin:routing_registry_history              | registry           | s n | - - - | y y y | y
GET  admin:routing_registry_history              | shared registry    | s n | y y y | y y y | y
POST admin:routing_registry_history              | registry           | s n | - - - | r r r | r
GET  admin:routing_registry_probe                | registry           | s n | - - - | n l l | l
GET  admin:routing_registry_probe                | shared registry    | s n | n n n | n n n | l
POST admin:routing_registry_probe                | registry           | s n | - - - | n y y | y
POST admin:routing_registry_probe                | shared registry    | s n | n n n | n n n | y
GET  admin:pulls                                 | .                  | s n | y y y | y y y | y
POST admin:pulls                                 | .                  | s n | r r r | r r r | r
GET  admin:restored                              | .                  | s n | n n n | n n n | y
POST admin:restored                              | .                  | s n | n n n | n n n | y
GET  admin:routing_subscription_add              | .                  | s n | n n y | n n y | y
POST admin:routing_subscription_add              | .                  | s n | n n r | n n y | y
GET  admin:routing_subscription_change           | subscription       | s n | - - - | y y y | y
POST admin:routing_subscription_change           | subscription       | s n | n n - | n n y | y
GET  admin:routing_subscription_changelist       | .                  | s n | y y y | y y y | y
POST admin:routing_subscription_changelist       | .                  | s n | r r r | r r r | r
GET  admin:routing_subscription_deeds            | subscription       | s n | - - - | n n l | l
POST admin:routing_subscription_deeds            | subscription       | s n | - - - | n n y | y
GET  admin:routing_subscription_delete           | subscription       | s n | n n - | n n y | y
POST admin:routing_subscription_delete           | subscription       | s n | n n - | n n y | y
GET  admin:routing_tenant_add                    | .                  | s n | n n n | n n n | y
POST admin:routing_tenant_add                    | .                  | s n | n n n | n n n | y
GET  admin:routing_tenant_change                 | tenant             | s n | - - - | y y y | y
POST admin:routing_tenant_change                 | tenant             | s n | n n n | n n n | y
GET  admin:routing_tenant_changelist             | .                  | s n | y y y | y y y | y
POST admin:routing_tenant_changelist             | .                  | s n | r r r | r r r | r
POST admin:routing_tenant_changelist             | suspend            | s n | r r r | r r r | y
POST admin:routing_tenant_changelist             | unsuspend          | s n | r r r | r r r | y
GET  admin:routing_tenant_columns                | .                  | s n | r r r | r r r | r
POST admin:routing_tenant_columns                | .                  | s n | y y y | y y y | y
GET  admin:routing_tenant_delete                 | tenant             | s n | n n n | n n n | y
POST admin:routing_tenant_delete                 | idle tenant        | s n | n n n | n n n | y
POST admin:routing_tenant_delete                 | tenant             | s n | n n n | n n n | y
GET  admin:routing_tenant_export                 | tenant             | s n | - - - | n n y | y
POST admin:routing_tenant_export                 | tenant             | s n | - - - | n n r | r
GET  admin:routing_tenant_policy                 | tenant             | s n | - - - | y y y | y
POST admin:routing_tenant_policy                 | tenant             | s n | - - - | n n y | y
GET  admin:routing_tenant_history                | tenant             | s n | - - - | y y y | y
POST admin:routing_tenant_history                | tenant             | s n | - - - | r r r | r
GET  admin:search                                | .                  | s n | y y y | y y y | y
POST admin:search                                | .                  | s n | r r r | r r r | r
GET  admin:search_suggestions                    | .                  | s n | y y y | y y y | y
POST admin:search_suggestions                    | .                  | s n | r r r | r r r | r
GET  admin:view_on_site                          | .                  | s n | - - - | - - - | -
POST admin:view_on_site                          | .                  | s n | - - - | - - - | -
"""

# Accounts, for operators of the platform only.
ACCOUNTS_IN_ADMIN = """
# page                                           | subject            | ? o | v o w | v o w | p
GET  admin/auth/user/<path:object_id>/           | account            | s n | l l l | l l l | l
POST admin/auth/user/<path:object_id>/           | account            | s n | l l l | l l l | l
GET  admin:auth_user_add                         | .                  | s n | n n n | n n n | y
POST admin:auth_user_add                         | .                  | s n | n n n | n n n | y
GET  admin:auth_user_change                      | account            | s n | n n n | n n n | y
POST admin:auth_user_change                      | account            | s n | n n n | n n n | y
GET  admin:auth_user_changelist                  | .                  | s n | n n n | n n n | y
POST admin:auth_user_changelist                  | .                  | s n | n n n | n n n | r
GET  admin:auth_user_delete                      | account            | s n | n n n | n n n | y
POST admin:auth_user_delete                      | account            | s n | n n n | n n n | y
GET  admin:auth_user_export                      | account            | s n | n n n | n n n | y
POST admin:auth_user_export                      | account            | s n | n n n | n n n | r
GET  admin:auth_user_history                     | account            | s n | n n n | n n n | y
POST admin:auth_user_history                     | account            | s n | n n n | n n n | r
GET  admin:auth_user_password_change             | account            | s n | n n n | n n n | y
POST admin:auth_user_password_change             | account            | s n | n n n | n n n | y
"""

# Signing in, one's own account, and what is for everybody. The security key is somebody else's.
CONTROL = """
# page                                           | subject            | ? o | v o w | v o w | p
GET  shared_report                               | .                  | - - | - - - | - - - | -
GET  abuse                                       | .                  | y y | y y y | y y y | y
GET  account_change_password                     | .                  | s l | l l l | l l l | l
GET  account_confirm_email                       | .                  | y y | y y y | y y y | y
GET  account_confirm_login_code                  | .                  | s l | l l l | l l l | l
GET  account_email                               | .                  | s y | y y y | y y y | y
GET  account_email_verification_sent             | .                  | y y | y y y | y y y | y
GET  account_home                                | .                  | l l | l l l | l l l | l
GET  account_inactive                            | .                  | y y | y y y | y y y | y
GET  account_export                              | .                  | s y | y y y | y y y | y
GET  account_preferences                         | .                  | s y | y y y | y y y | y
POST account_preferences                         | .                  | s y | y y y | y y y | y
GET  account_leave                               | .                  | s y | y y y | y y y | y
GET  account_login                               | .                  | y l | l l l | l l l | l
GET  account_logout                              | .                  | s y | y y y | y y y | y
GET  account_reauthenticate                      | .                  | s n | n n n | n n n | n
GET  account_reset_password                      | .                  | y y | y y y | y y y | y
GET  account_reset_password_done                 | .                  | y y | y y y | y y y | y
GET  account_reset_password_from_key             | .                  | y y | y y y | y y y | y
GET  account_reset_password_from_key_done        | .                  | y y | y y y | y y y | y
GET  account_set_password                        | .                  | s y | y y y | y y y | y
GET  account_signup                              | .                  | y l | l l l | l l l | l
GET  accounts/social/connections/                | .                  | l l | l l l | l l l | l
GET  accounts/social/login/cancelled/            | .                  | l l | l l l | l l l | l
GET  accounts/social/login/error/                | .                  | l l | l l l | l l l | l
GET  accounts/social/signup/                     | .                  | l l | l l l | l l l | l
GET  api:api-root                                | .                  | y y | y y y | y y y | y
GET  api:openapi-json                            | .                  | y y | y y y | y y y | y
GET  api_nothing                                 | .                  | - - | - - - | - - - | -
GET  api_root                                    | .                  | - - | - - - | - - - | -
GET  api_reference                               | .                  | y y | y y y | y y y | y
GET  api_token_revoke                            | API token          | s r | r r r | r r r | r
POST api_token_revoke                            | API token          | s l | l l l | l l l | y
GET  api_tokens                                  | .                  | s y | y y y | y y y | y
POST api_tokens                                  | .                  | s y | y y y | y y y | y
GET  home                                        | .                  | l l | l l l | l l l | l
GET  invitation                                  | .                  | - - | - - - | - - - | -
POST invitation                                  | .                  | - - | - - - | - - - | -
GET  invitation_link                             | a link             | l l | l l l | l l l | l
GET  livez                                       | .                  | y y | y y y | y y y | y
GET  metrics                                     | .                  | y y | y y y | y y y | y
GET  mfa_activate_totp                           | .                  | s y | y y y | y y y | y
GET  mfa_add_webauthn                            | .                  | s y | y y y | y y y | y
GET  mfa_authenticate                            | .                  | s l | l l l | l l l | l
GET  mfa_deactivate_totp                         | .                  | s - | - - - | - - - | -
GET  mfa_download_recovery_codes                 | .                  | s - | - - - | - - - | -
GET  mfa_edit_webauthn                           | security key       | s - | - - - | - - - | -
POST mfa_edit_webauthn                           | security key       | s - | - - - | - - - | -
GET  mfa_generate_recovery_codes                 | .                  | s y | y y y | y y y | y
GET  mfa_index                                   | .                  | s y | y y y | y y y | y
GET  mfa_list_webauthn                           | .                  | s y | y y y | y y y | y
GET  mfa_login_webauthn                          | .                  | s l | l l l | l l l | l
GET  mfa_reauthenticate                          | .                  | s n | n n n | n n n | n
GET  mfa_reauthenticate_webauthn                 | .                  | s n | n n n | n n n | n
GET  mfa_remove_webauthn                         | security key       | s - | - - - | - - - | -
POST mfa_remove_webauthn                         | security key       | s - | - - - | - - - | -
GET  mfa_view_recovery_codes                     | .                  | s - | - - - | - - - | -
GET  openid_connect_callback                     | .                  | - - | - - - | - - - | -
GET  openid_connect_login                        | .                  | - - | - - - | - - - | -
GET  provider_reauthenticate                     | .                  | s y | y y y | y y y | y
GET  readyz                                      | .                  | y y | y y y | y y y | y
GET  socialaccount_connections                   | .                  | s y | y y y | y y y | y
GET  socialaccount_login_cancelled               | .                  | y y | y y y | y y y | y
GET  socialaccount_login_error                   | .                  | s s | s s s | s s s | s
GET  socialaccount_signup                        | .                  | s s | s s s | s s s | s
"""

PAGES = ADMIN + ACCOUNTS_IN_ADMIN + CONTROL
