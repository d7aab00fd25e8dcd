# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controls whose effect cannot be seen on the messed-up hosts, each with the reason and where it is seen instead."""

from __future__ import annotations

#: Keys of the machine's kernel. kernel.yml enforces and judges them on a private copy of /proc/sys.
MACHINE_KERNEL = (
    "fs_fifos_protected",
    "fs_hardlinks_protected",
    "fs_privileged_programs_leave_no_core",
    "fs_regular_files_protected",
    "fs_symlinks_protected",
    "kernel_address_randomisation",
    "kernel_bpf_compiler_hardened",
    "kernel_bpf_for_administrators",
    "kernel_console_key_limited",
    "kernel_debugging_of_other_programs",
    "kernel_line_disciplines_for_administrators",
    "kernel_log_for_administrators",
    "kernel_performance_counters_for_administrators",
    "kernel_pointers_hidden",
    "kernel_userfaultfd_for_administrators",
    "kernel_lowest_page_unused",
    "kernel_mappings_random",
    "kernel_small_mappings_random",
    "kernel_starts_again_after_panic",
)
STRICT_KERNEL = (
    "kernel_counters_sample_rarely",
    "kernel_counters_take_little_time",
    "kernel_io_uring_for_administrators",
)
#: Not for containers. The unit tests show them with what real systems said.
MACHINES_ONLY = (
    "aide_audit_tools",
    "aide_database",
    "apparmor_enabled",
    "apparmor_enforcing",
    "package_aide",
    "package_apparmor",
    "package_auditd",
    "package_chrony",
    "service_aide_check",
    "service_auditd",
)
#: File systems that the engine made, or that the tests themselves work on.
OTHER_DISKS = (
    "mount_audit_log_separate",
    "mount_home_separate",
    "mount_srv_no_privileges",
    "mount_tmp_separate",
    "mount_var_log_no_programs",
    "mount_var_log_separate",
    "mount_var_no_privileges",
    "mount_var_separate",
    "mount_var_tmp_separate",
)

#: What is told and never changed, because a program could only guess what a person meant. The mess makes each of them
#: wrong, a judge sees that before and after, and tests/test_told.py wants the reason.
TOLD = (
    "accounts_groups_exist",
    "accounts_one_root",
    "accounts_one_root_group",
    "accounts_password_dates",
    "accounts_password_hashes",
    "accounts_passwords_shadowed",
    "accounts_root_group_members",
    "accounts_shadow_group",
    "accounts_unique_group_names",
    "accounts_unique_group_numbers",
    "accounts_unique_names",
    "accounts_unique_numbers",
    "accounts_without_shell_locked",
    "files_owned_by_accounts",
    "files_owned_by_groups",
    "files_privileged_known",
    "homes_are_not_shared",
    "homes_belong_to_their_account",
    "homes_exist",
    "homes_forward_no_mail",
    "homes_login_keys_strong",
    "homes_no_transfer_passwords",
    "shell_mask",
    "shell_path_of_root",
)

WITHOUT_EFFECT = {
    **dict.fromkeys(TOLD, "it is told and never changed; test_told.py judges that"),
    "sudo_rules_ask": "it is told and never changed, and locum's password cannot be typed; unit tests judge it",
    "sudo_rules_name_what_is_allowed": "it is told and never changed; test_told.py wants the reason",
    "sudo_rules_programs_of_root": "it is told and never changed; test_told.py wants the reason",
    "sshd_fingerprints": "sshd takes the last line for it, which is a vendor's to take out; unit tests judge it",
    "sshd_access_limited": "the site has to name its groups; unit tests judge it",
    "sshd_accepted_variables": "it is told and never changed; test_told.py wants the reason",
    "accounts_closed_after_expiry": "nobody is named whose password may expire; unit tests judge it",
    "accounts_password_lifetime": "nobody is named whose password may expire; unit tests judge it",
    "accounts_files_well_formed": "a broken line would stop the tools of the mess; unit tests judge it",
    "accounts_no_directory_lines": "such a line would stop the tools of the mess; unit tests judge it",
    "files_open_folders_sticky": "one of the folders is in use by several and stays; test_told.py judges both",
    **dict.fromkeys(MACHINE_KERNEL, "the key belongs to the machine; kernel.yml judges it"),
    **dict.fromkeys(MACHINES_ONLY, "it does not concern a container"),
    **dict.fromkeys(OTHER_DISKS, "no file system of its own here; mount_boot_no_privileges shows the setting"),
    **dict.fromkeys(STRICT_KERNEL, "the key belongs to the machine; kernel.yml shows others in the same way"),
    "boot_password": "the site supplies no hash here, so it is told and not set; test_boot.py shows the setting",
    "log_forwarding": "no log host is named here, and so nothing is set",
    "journal_forwarding": "no log host is named here, and so nothing is set",
    "time_servers_of_timesyncd": "chrony sets the clock here; test_time.py shows the setting",
    "time_servers": "the site names none here, and so those of the distribution are fine",
    "time_not_served": "it is only told, never set",
    "package_sudo": "the automation account becomes root with it, so it cannot be missing",
    "package_logrotate": "service_logrotate needs the timer that it brings; package_debsums shows the installing",
    "service_rsyslog": "it has to go on answering; service_cron shows the enabling",
    "sshd_empty_passwords": "on, it makes every login wait for PAM's delay; other yes and no options show the setting",
    "package_nginx": "it serves pages and nobody consented to its removal; the scenario in_use judges that",
    "service_cups": "it runs and nobody consented to its stop; test_what_runs_is_not_stopped judges that",
}
