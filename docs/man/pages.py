"""Which page has what. generate.py sees that each function, type and constant
of the header is in exactly one of them."""

from dataclasses import dataclass


@dataclass
class Page:
    name: str
    title: str        # "name - title"
    functions: list   # the first one names the page
    types: list
    prefixes: list    # of constants
    see: list

    @property
    def example(self):
        """The program of examples/ that the page shows."""
        return self.name


def page(title, functions, types="", prefixes="", see=""):
    functions = functions.split()
    return Page(functions[0], title, functions, types.split(), prefixes.split(), see.split())


PAGES = [
    page("convert the status of a child, and write it in words",
         "chld_status_decode chld_status_encode chld_status_shell_code chld_status_text "
         "chld_status_raise", "chld_status", "CHLD_STATE_", see="chld_signal_name chld_wait"),
    page("convert names and numbers of signals",
         "chld_signal_name chld_signal_text chld_signal_number chld_sigset_decode "
         "chld_sigset_encode", see="chld_kill chld_spawn chld_status_text"),
    page("start a child process", "chld_spawn",
         "chld_id chld_spawn_options chld_stdio chld_fd_map chld_limit chld_error",
         "CHLD_SPAWN_ CHLD_STDIO_ CHLD_GROUP_ CHLD_SEARCH_ CHLD_SIGNALS_ CHLD_MASK_ CHLD_NONE "
         "CHLD_ERROR_ITEM CHLD_STEP_",
         see="chld_adopt chld_close chld_error_text chld_run chld_set_open chld_stdin_fd "
         "chld_stop chld_wait"),
    page("write in words why a child could not be started", "chld_error_text chld_step_name",
         see="chld_spawn chld_status_text"),
    page("take over a child, find it by its pid, or give it back",
         "chld_adopt chld_find chld_release", see="chld_close chld_spawn chld_wait"),
    page("wait for children", "chld_wait chld_wait_any chld_wait_change", "",
         "CHLD_WATCH_", see="chld_peek chld_reap chld_set_open chld_status_text chld_stop "
         "chld_usage"),
    page("read what is known about a child", "chld_peek chld_usage chld_pid chld_user",
         "chld_resources", see="chld_reap chld_sigchld_install chld_wait"),
    page("observe many children in one process loop",
         "chld_set_open chld_set_add chld_set_remove chld_set_count chld_set_fd chld_set_next "
         "chld_set_wait chld_set_wake chld_set_close", "chld_set chld_event",
         "CHLD_SET_ CHLD_EVENT_", see="chld_engine chld_set_run chld_set_stop chld_spawn chld_wait"),
    page("stop a child of a set without blocking", "chld_set_stop",
         see="chld_set_open chld_stop"),
    page("capture a child in a set", "chld_set_capture chld_set_run chld_capture_take",
         see="chld_capture chld_run chld_set_open"),
    page("reap in a SIGCHLD handler, or be woken by it",
         "chld_sigchld_install chld_sigchld_remove chld_sigchld_fd chld_sigchld_pending",
         prefixes="CHLD_SIGCHLD_", see="chld_environment chld_peek chld_reap"),
    page("reap children by polling", "chld_reap",
         see="chld_peek chld_reap_foreign chld_sigchld_install"),
    page("query the kernel and the process", "chld_engine chld_environment chld_supports "
         "chld_version", prefixes="CHLD_ENGINE_ CHLD_ENV_",
         see="chld_set_open chld_sigchld_install"),
    page("reap orphans, as an init does", "chld_subreaper chld_reap_foreign",
         see="chld_kill_tree chld_reap chld_sigchld_install"),
    page("signal a child, its group or its tree", "chld_kill chld_kill_group chld_kill_tree",
         see="chld_signal_number chld_spawn chld_stop chld_subreaper"),
    page("stop a child by a sequence of signals", "chld_stop", "chld_stop_plan chld_stop_step",
         "CHLD_TARGET_ CHLD_STOP_", see="chld_kill chld_wait"),
    page("feed a child and capture its output", "chld_run chld_capture chld_buffer_free",
         "chld_capture_options chld_feed chld_sink chld_capture_result chld_stream_result",
         "CHLD_CAPTURE_EOF CHLD_CAPTURE_CANCEL CHLD_FEED_ CHLD_SINK_",
         see="chld_capture_open chld_spawn chld_stop"),
    page("start a pipeline of children: a | b | c",
         "chld_pipeline chld_run_pipeline chld_set_run_pipeline",
         "chld_stage chld_pipeline_result",
         see="chld_error_text chld_run chld_set_run chld_spawn chld_stop"),
    page("capture a child from an event loop",
         "chld_capture_open chld_capture_step chld_capture_close",
         "chld_capture_id chld_capture_wait chld_poll", "CHLD_CAPTURE_FDS",
         see="chld_capture chld_set_open"),
    page("close the library's descriptors in a forked copy", "chld_after_fork",
         see="chld_close chld_spawn"),
    page("take back the terminal, and resize a child's", "chld_terminal_take chld_pty_resize",
         see="chld_set_open chld_spawn"),
    page("use the pipes of a child",
         "chld_stdin_fd chld_stdout_fd chld_stderr_fd chld_take_fd chld_close_fd",
         prefixes="CHLD_STD", see="chld_capture chld_close chld_spawn"),
    page("wait for the exit of a child in an event loop", "chld_exit_fd",
         see="chld_close chld_set_open chld_wait"),
    page("close the handle of a child", "chld_close",
         see="chld_close_fd chld_spawn chld_stop"),
]
