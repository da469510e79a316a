"""A stop signal at the worst moment of a start: after the child's last look for
one, before its exec. No test hits that by chance, so here the child sends it."""

from .tools import CC, ROOT, Copy, check, require, run, scratch

PROGRAM = """\
#include <chld.h>
#include <signal.h>
#include <unistd.h>

static void on_signal(int number)
{
    (void)number;
}

int main(int argc, char *argv[])
{
    chld_id id;
    chld_status status;

    alarm(10);
    if (argc > 1)
        signal(SIGTSTP, on_signal); /* the caller does not stop with its group */
    for (int i = 0; i < 20; i++) {
        const char *words[] = { "/bin/true", NULL };
        if (chld_spawn(&id, words, NULL, NULL) < 0 || chld_wait(id, 5000, &status) < 0
            || status.state != CHLD_STATE_EXITED || status.code != 0)
            return 1;
        chld_close(id);
    }
    return argv[0] == NULL;
}
"""


def stopped_copy():
    """The library, with a child that sends itself stop signals."""
    copy = Copy("stops")
    where = next(copy.root.glob("src/**/exec.rs")).relative_to(copy.root)
    last = "        raw::set_mask(mask)\n"
    sends = "".join(f"        raw::kill(raw::pid(), libc::{name});\n"
                    for name in ("SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGTSTP"))
    copy.spoil(str(where), last, last.replace("\n", "?;\n") + sends + "        Ok(())\n")
    return copy.object()


@check("a stop signal between the last look and the exec does not hold a start")
def before_exec():
    program = scratch() / "stops-program"
    source = program.with_suffix(".c")
    source.write_text(PROGRAM)
    run(*CC, "-I", ROOT / "include", "-pthread", "-o", program, source, stopped_copy())
    run(program, "handled")
    held = run("timeout", "-s", "KILL", "2", program, succeed=False)
    require(held.returncode != 0, "the child that sends itself stop signals is not stopped")
