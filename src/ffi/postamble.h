
/*
 * Initialisers: every struct that a caller fills begins with one of these.
 */

/** chld_spawn_options options = CHLD_SPAWN_OPTIONS_INIT; */
#ifdef __cplusplus
#define CHLD_SPAWN_OPTIONS_INIT chld_initial<chld_spawn_options>()
#else
#define CHLD_SPAWN_OPTIONS_INIT { .size = sizeof(chld_spawn_options) }
#endif

/** chld_stop_plan plan = CHLD_STOP_PLAN_INIT; */
#ifdef __cplusplus
#define CHLD_STOP_PLAN_INIT chld_initial<chld_stop_plan>()
#else
#define CHLD_STOP_PLAN_INIT { .size = sizeof(chld_stop_plan) }
#endif

/** chld_capture_options options = CHLD_CAPTURE_OPTIONS_INIT; */
#ifdef __cplusplus
#define CHLD_CAPTURE_OPTIONS_INIT chld_initial<chld_capture_options>()
#else
#define CHLD_CAPTURE_OPTIONS_INIT { .size = sizeof(chld_capture_options) }
#endif

#ifdef __cplusplus
} /* extern "C" */

template <typename Struct> inline Struct chld_initial()
{
    Struct initial = Struct();
    initial.size = sizeof(Struct);
    return initial;
}
#endif

#endif /* CHLD_H */
