/*
 * children.cpp - the ten children of children.txt, in C++ with chld.hpp.
 *
 *     c++ -std=c++11 children.cpp -lchld && ./a.out ../children.txt
 */
#include <chld.hpp>

#include <array>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <sstream>

namespace {

constexpr size_t beside = 40;

std::string describe(const chld::status &status)
{
    char numbers[80];
    std::snprintf(numbers, sizeof numbers, " (state %d, code %d, word 0x%04x, $? %d)",
                  status.state, status.code, static_cast<unsigned>(status.wait_word),
                  status.shell_code());
    return " " + status.text() + numbers;
}

std::string describe(const chld::error &error)
{
    std::ostringstream text;
    text << ' ' << error.what() << " (step " << chld_step_name(error.step()) << ", index "
         << error.index() << ", errno " << error.code().value() << ')';
    return text.str();
}

std::string run(const chld::arguments &argv, const std::string &name)
{
    chld::output output =
        chld::run(argv, chld::cwd("/"), chld::env("CHILD", name), chld::input(name));
    auto line = output.out.substr(0, output.out.find('\n'));
    return describe(output.status) + " out: " + line +
           " err: " + std::to_string(output.err.size()) + " bytes";
}

std::string limit(const chld::arguments &argv)
{
    chld::output output = chld::run(argv, chld::timeout(std::chrono::milliseconds(200)),
                                    chld::stop_by({{{SIGKILL, -1}}}));
    return describe(output.status) + (output.timed_out ? " at the limit" : " by itself");
}

std::string stop(const chld::arguments &argv)
{
    chld::child child(argv);
    chld::maybe<chld::status> stopped = child.wait_change(CHLD_WATCH_STOPPED);
    child.kill(SIGTERM);
    child.kill(SIGCONT);
    return describe(*stopped) + describe(child.wait());
}

std::string child(const std::string &name, const std::string &way, const std::string &what)
{
    chld::arguments argv{"sh", "-c", what};
    try {
        if (way == "run")
            return run(argv, name);
        if (way == "limit")
            return limit(argv);
        if (way == "stop")
            return stop(argv);
        return describe(chld::child(way == "exec" ? chld::arguments{what} : argv).wait());
    } catch (const chld::error &error) {
        return describe(error);
    }
}

// Its own children by popen() and pclose(), and the library's in a set, at once.
void both()
{
    std::array<FILE *, beside> own;
    chld::set set;
    size_t own_right = 0, ours_right = 0;
    for (size_t i = 0; i < beside; i++) {
        own[i] = popen(("sleep 0.1; exit " + std::to_string(i)).c_str(), "r");
        chld::child child({"sh", "-c", "sleep 0.1; exit $0", std::to_string(100 + i)});
        set.on_event(set.add(std::move(child)), [&ours_right, i](chld::event &event) {
            ours_right += event.status().shell_code() == static_cast<int>(100 + i);
        });
    }
    while (set.count() > 0 && set.dispatch(std::chrono::seconds(30)))
        ;
    for (size_t i = 0; i < beside; i++) {
        int word = own[i] ? pclose(own[i]) : -1;
        own_right += WIFEXITED(word) && WEXITSTATUS(word) == static_cast<int>(i);
    }
    std::cout << "beside: " << own_right << " of " << beside << " of its own, " << ours_right
              << " of " << beside << " of chld\n";
}

} // namespace

int main(int argc, char **argv)
{
    std::ifstream list(argc == 2 ? argv[1] : "");
    for (std::string line; std::getline(list, line);) {
        std::istringstream words(line);
        std::string name, way, what;
        if (words >> name >> way && name[0] != '#' && std::getline(words >> std::ws, what))
            std::cout << name << ':' << child(name, way, what) << '\n';
    }
    both();
    std::cout << "engine: " << (chld_engine() == CHLD_ENGINE_PIDFD ? "pidfd" : "sigchld") << '\n';
}
