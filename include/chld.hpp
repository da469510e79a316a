/*
 * chld.hpp - chld.h for C++11 and later: owners, exceptions, strings and functions.
 *
 *     chld::child ls({"ls", "-l", "/"});
 *     std::cout << "ls " << ls.wait().text() << '\n';
 *
 *     chld::output sorted = chld::run({"sort"}, chld::input("pear\nfig\n"), chld::timeout(5s));
 *
 * Link with -lchld. There is nothing else to link: these are headers only. chld.h is the
 * manual: its rules about threads, signal handlers, blocking and errnos hold here.
 *
 * Owners: a chld::child closes its handle when it is destroyed, a chld::set its own. They
 * can be moved, not copied. Closing a child neither stops it nor waits for it: it goes on,
 * and the library reaps it. See stop_when_destroyed() and kill_on_close() to change that.
 *
 * Strings and functions that you pass are copied. Descriptors that you pass stay yours.
 * Those that are returned stay the library's, except that of take_fd().
 *
 * Failures: a function that fails throws a chld::error. Pass a std::error_code or a
 * chld::failure as its last argument to have the failure stored there; only std::bad_alloc,
 * and what your own functions throw, is thrown then. Results that are no failure are
 * values: the exit code of a child, a timeout, a set without an event.
 *
 * | you need                                          | see                |
 * |---------------------------------------------------|--------------------|
 * | run(), child                                      | chld/child.hpp     |
 * | settings: cwd(), env(), input(), timeout(), …     | chld/options.hpp   |
 * | streams: pipe, null, file(), lines(), …           | chld/stream.hpp    |
 * | what run() returns                                | chld/output.hpp    |
 * | run_pipeline(), pipeline                          | chld/pipeline.hpp  |
 * | set: many children, event loops                   | chld/set.hpp       |
 * | status                                            | chld/status.hpp    |
 * | error, failure                                    | chld/error.hpp     |
 */
#ifndef CHLD_HPP
#define CHLD_HPP

#include "chld/child.hpp"
#include "chld/error.hpp"
#include "chld/options.hpp"
#include "chld/output.hpp"
#include "chld/pipeline.hpp"
#include "chld/set.hpp"
#include "chld/status.hpp"
#include "chld/stream.hpp"

#endif // CHLD_HPP
