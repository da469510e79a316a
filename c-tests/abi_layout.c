/*
 * The layout of every public struct, as programs that were compiled earlier,
 * and other languages, have it. From the first release on no line here may
 * change; a struct that begins with its size may grow. Compiled, never run.
 */
#define _DEFAULT_SOURCE
#include "chld.h"

#if __STDC_HOSTED__
#include <signal.h>
#endif

struct eight {
    char before;
    uint64_t number;
};

/* The columns: 64 bit; 32 bit; 32 bit where a uint64_t is aligned to 4 only, as
   on i386. */
#define HERE(on_64, on_32, on_i386) \
    (sizeof(void *) == 8 ? (on_64) : offsetof(struct eight, number) == 8 ? (on_32) : (on_i386))

#define SIZE(type, on_64, on_32, on_i386) \
    _Static_assert(sizeof(type) == HERE(on_64, on_32, on_i386), "the size of " #type)
#define AT(type, member, bytes, on_64, on_32, on_i386) \
    _Static_assert(offsetof(type, member) == HERE(on_64, on_32, on_i386), #type "." #member); \
    _Static_assert(sizeof(((type *)0)->member) == (bytes), "the size of " #type "." #member)
#define POINTER HERE(8, 4, 4)
#define STDIO HERE(24, 20, 20)

SIZE(chld_id, 8, 8, 8);

SIZE(chld_status, 16, 16, 16);
AT(chld_status, state, 4, 0, 0, 0);
AT(chld_status, code, 4, 4, 4, 4);
AT(chld_status, core, 4, 8, 8, 8);
AT(chld_status, wait_word, 4, 12, 12, 12);

SIZE(chld_stdio, 24, 20, 20);
AT(chld_stdio, mode, 4, 0, 0, 0);
AT(chld_stdio, fd, 4, 4, 4, 4);
AT(chld_stdio, path, POINTER, 8, 8, 8);
AT(chld_stdio, open_flags, 4, 16, 12, 12);
AT(chld_stdio, open_mode, 4, 20, 16, 16);

SIZE(chld_fd_map, 8, 8, 8);
AT(chld_fd_map, source, 4, 0, 0, 0);
AT(chld_fd_map, target, 4, 4, 4, 4);

SIZE(chld_limit, 24, 24, 24);
AT(chld_limit, resource, 4, 0, 0, 0);
AT(chld_limit, reserved, 4, 4, 4, 4);
AT(chld_limit, soft, 8, 8, 8, 8);
AT(chld_limit, hard, 8, 16, 16, 16);

SIZE(chld_spawn_options, 280, 216, 208);
AT(chld_spawn_options, size, POINTER, 0, 0, 0);
AT(chld_spawn_options, flags, 8, 8, 8, 4);
AT(chld_spawn_options, program, POINTER, 16, 16, 12);
AT(chld_spawn_options, program_fd, 4, 24, 20, 16);
AT(chld_spawn_options, search, 4, 28, 24, 20);
AT(chld_spawn_options, env, POINTER, 32, 28, 24);
AT(chld_spawn_options, env_set, POINTER, 40, 32, 28);
AT(chld_spawn_options, env_unset, POINTER, 48, 36, 32);
AT(chld_spawn_options, cwd, POINTER, 56, 40, 36);
AT(chld_spawn_options, cwd_fd, 4, 64, 44, 40);
AT(chld_spawn_options, umask, 4, 68, 48, 44);
AT(chld_spawn_options, in, STDIO, 72, 52, 48);
AT(chld_spawn_options, out, STDIO, 96, 72, 68);
AT(chld_spawn_options, err, STDIO, 120, 92, 88);
AT(chld_spawn_options, fds, POINTER, 144, 112, 108);
AT(chld_spawn_options, fds_count, POINTER, 152, 116, 112);
AT(chld_spawn_options, rows, 2, 160, 120, 116);
AT(chld_spawn_options, columns, 2, 162, 122, 118);
AT(chld_spawn_options, group_mode, 4, 164, 124, 120);
AT(chld_spawn_options, group, 4, 168, 128, 124);
AT(chld_spawn_options, cgroup_fd, 4, 172, 132, 128);
AT(chld_spawn_options, limits, POINTER, 176, 136, 132);
AT(chld_spawn_options, limits_count, POINTER, 184, 140, 136);
AT(chld_spawn_options, cpus, POINTER, 192, 144, 140);
AT(chld_spawn_options, cpus_size, POINTER, 200, 148, 144);
AT(chld_spawn_options, groups, POINTER, 208, 152, 148);
AT(chld_spawn_options, groups_count, POINTER, 216, 156, 152);
AT(chld_spawn_options, gid, 4, 224, 160, 156);
AT(chld_spawn_options, uid, 4, 228, 164, 160);
AT(chld_spawn_options, nice, 4, 232, 168, 164);
AT(chld_spawn_options, death_signal, 4, 236, 172, 168);
AT(chld_spawn_options, signals_mode, 4, 240, 176, 172);
AT(chld_spawn_options, mask_mode, 4, 244, 180, 176);
AT(chld_spawn_options, ignored, 8, 248, 184, 180);
AT(chld_spawn_options, blocked, 8, 256, 192, 188);
AT(chld_spawn_options, reset, 8, 264, 200, 196);
AT(chld_spawn_options, user, POINTER, 272, 208, 204);

SIZE(chld_error, 132, 132, 132);
AT(chld_error, code, 4, 0, 0, 0);
AT(chld_error, step, 4, 4, 4, 4);
AT(chld_error, index, 4, 8, 8, 8);
AT(chld_error, item, CHLD_ERROR_ITEM, 12, 12, 12);
AT(chld_error, reason, 4, 124, 124, 124);
AT(chld_error, stage, 4, 128, 128, 128);

SIZE(chld_event, 96, 80, 80);
AT(chld_event, kind, 4, 0, 0, 0);
AT(chld_event, last, 4, 4, 4, 4);
AT(chld_event, id, 8, 8, 8, 8);
AT(chld_event, user, POINTER, 16, 16, 16);
AT(chld_event, index, POINTER, 24, 20, 20);
AT(chld_event, status, 16, 32, 24, 24);
AT(chld_event, capture, POINTER, 48, 40, 40);
AT(chld_event, pipeline, POINTER, 56, 44, 44);
AT(chld_event, reserved, 32, 64, 48, 48);

SIZE(chld_resources, 72, 72, 72);
AT(chld_resources, user_us, 8, 0, 0, 0);
AT(chld_resources, system_us, 8, 8, 8, 8);
AT(chld_resources, max_resident_kib, 8, 16, 16, 16);
AT(chld_resources, minor_faults, 8, 24, 24, 24);
AT(chld_resources, major_faults, 8, 32, 32, 32);
AT(chld_resources, blocks_in, 8, 40, 40, 40);
AT(chld_resources, blocks_out, 8, 48, 48, 48);
AT(chld_resources, voluntary_switches, 8, 56, 56, 56);
AT(chld_resources, involuntary_switches, 8, 64, 64, 64);

SIZE(chld_stop_step, 8, 8, 8);
AT(chld_stop_step, signal, 4, 0, 0, 0);
AT(chld_stop_step, wait_ms, 4, 4, 4, 4);

SIZE(chld_stop_plan, 32, 20, 20);
AT(chld_stop_plan, size, POINTER, 0, 0, 0);
AT(chld_stop_plan, target, 4, 8, 4, 4);
AT(chld_stop_plan, flags, 4, 12, 8, 8);
AT(chld_stop_plan, steps, POINTER, 16, 12, 12);
AT(chld_stop_plan, steps_count, POINTER, 24, 16, 16);

SIZE(chld_feed, 56, 40, 40);
AT(chld_feed, mode, 4, 0, 0, 0);
AT(chld_feed, flags, 4, 4, 4, 4);
AT(chld_feed, data, POINTER, 8, 8, 8);
AT(chld_feed, size, POINTER, 16, 12, 12);
AT(chld_feed, callback, POINTER, 24, 16, 16);
AT(chld_feed, argument, POINTER, 32, 20, 20);
AT(chld_feed, reserved, 16, 40, 24, 24);

SIZE(chld_sink, 64, 48, 48);
AT(chld_sink, mode, 4, 0, 0, 0);
AT(chld_sink, flags, 4, 4, 4, 4);
AT(chld_sink, buffer, POINTER, 8, 8, 8);
AT(chld_sink, size, POINTER, 16, 12, 12);
AT(chld_sink, callback, POINTER, 24, 16, 16);
AT(chld_sink, argument, POINTER, 32, 20, 20);
AT(chld_sink, fd, 4, 40, 24, 24);
AT(chld_sink, reserved, 20, 44, 28, 28);

SIZE(chld_capture_options, 216, 160, 160);
AT(chld_capture_options, size, POINTER, 0, 0, 0);
AT(chld_capture_options, flags, 4, 8, 4, 4);
AT(chld_capture_options, timeout_ms, 4, 12, 8, 8);
AT(chld_capture_options, in, HERE(56, 40, 40), 16, 12, 12);
AT(chld_capture_options, out, HERE(64, 48, 48), 72, 52, 52);
AT(chld_capture_options, err, HERE(64, 48, 48), 136, 100, 100);
AT(chld_capture_options, stop, POINTER, 200, 148, 148);
AT(chld_capture_options, cancel_fd, 4, 208, 152, 152);
AT(chld_capture_options, reserved, 4, 212, 156, 156);

SIZE(chld_stream_result, 80, 80, 76);
AT(chld_stream_result, total, 8, 0, 0, 0);
AT(chld_stream_result, kept, 8, 8, 8, 8);
AT(chld_stream_result, from_head, 8, 16, 16, 16);
AT(chld_stream_result, passed, 8, 24, 24, 24);
AT(chld_stream_result, data, POINTER, 32, 32, 32);
AT(chld_stream_result, truncated, 4, 40, 36, 36);
AT(chld_stream_result, held, 4, 44, 40, 40);
AT(chld_stream_result, error, 4, 48, 44, 44);
AT(chld_stream_result, stopped, 4, 52, 48, 48);
AT(chld_stream_result, pass_error, 4, 56, 52, 52);
AT(chld_stream_result, reserved, 20, 60, 56, 56);

SIZE(chld_capture_result, 320, 320, 312);
AT(chld_capture_result, status, 16, 0, 0, 0);
AT(chld_capture_result, out, HERE(80, 80, 76), 16, 16, 16);
AT(chld_capture_result, err, HERE(80, 80, 76), 96, 96, 92);
AT(chld_capture_result, fed, 8, 176, 176, 168);
AT(chld_capture_result, feed_error, 4, 184, 184, 176);
AT(chld_capture_result, timed_out, 4, 188, 188, 180);
AT(chld_capture_result, cancelled, 4, 192, 192, 184);
AT(chld_capture_result, step, 4, 196, 196, 188);
AT(chld_capture_result, signal, 4, 200, 200, 192);
AT(chld_capture_result, pid, 4, 204, 204, 196);
AT(chld_capture_result, elapsed_ns, 8, 208, 208, 200);
AT(chld_capture_result, usage, 72, 216, 216, 208);
AT(chld_capture_result, reserved, 32, 288, 288, 280);

SIZE(chld_poll, 8, 8, 8);
AT(chld_poll, fd, 4, 0, 0, 0);
AT(chld_poll, events, 2, 4, 4, 4);
AT(chld_poll, revents, 2, 6, 6, 6);

SIZE(chld_capture_wait, 80, 80, 80);
AT(chld_capture_wait, fds, 64, 0, 0, 0);
AT(chld_capture_wait, count, 4, 64, 64, 64);
AT(chld_capture_wait, timeout_ms, 4, 68, 68, 68);
AT(chld_capture_wait, reserved, 8, 72, 72, 72);

#if __STDC_HOSTED__
_Static_assert(CHLD_STATE_EXITED == CLD_EXITED, "CLD_EXITED");
_Static_assert(CHLD_STATE_KILLED == CLD_KILLED, "CLD_KILLED");
_Static_assert(CHLD_STATE_DUMPED == CLD_DUMPED, "CLD_DUMPED");
_Static_assert(CHLD_STATE_STOPPED == CLD_STOPPED, "CLD_STOPPED");
_Static_assert(CHLD_STATE_CONTINUED == CLD_CONTINUED, "CLD_CONTINUED");
#endif

SIZE(chld_stage, 152, 144, 144);
AT(chld_stage, argv, POINTER, 0, 0, 0);
AT(chld_stage, options, POINTER, 8, 4, 4);
AT(chld_stage, flags, 4, 16, 8, 8);
AT(chld_stage, pid, 4, 20, 12, 12);
AT(chld_stage, id, 8, 24, 16, 16);
AT(chld_stage, status, 16, 32, 24, 24);
AT(chld_stage, usage, 72, 48, 40, 40);
AT(chld_stage, reserved, 32, 120, 112, 112);

SIZE(chld_pipeline_result, 376, 368, 360);
AT(chld_pipeline_result, capture, HERE(320, 320, 312), 0, 0, 0);
AT(chld_pipeline_result, pipefail, 16, 320, 320, 312);
AT(chld_pipeline_result, stages, POINTER, 336, 336, 328);
AT(chld_pipeline_result, count, POINTER, 344, 340, 332);
AT(chld_pipeline_result, failed, 4, 352, 344, 336);
AT(chld_pipeline_result, reserved, 20, 356, 348, 340);
