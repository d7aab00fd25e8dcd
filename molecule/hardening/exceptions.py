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
)

WITHOUT_EFFECT = {
    **dict.fromkeys(MACHINE_KERNEL, "the key belongs to the machine; kernel.yml judges it"),
    "package_sudo": "the automation account becomes root with it, so it cannot be missing",
    "package_logrotate": "service_logrotate needs the timer that it brings; package_debsums shows the installing",
    "service_rsyslog": "it has to go on answering; service_cron shows the enabling",
    "sshd_empty_passwords": "on, it makes every login wait for PAM's delay; other yes and no options show the setting",
    "package_nginx": "it serves pages and nobody consented to its removal; the scenario in_use judges that",
    "service_cups": "it runs and nobody consented to its stop; test_what_runs_is_not_stopped judges that",
}
