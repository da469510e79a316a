/*
 * children.cpp - the ten children of children.txt, in C++ with chld.hpp.
 *
 *     c++ -std=c++17 children.cpp -lchld && ./a.out ../children.txt
 */
#include <chld.hpp>

#include <array>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <sstream>

using namespace std::chrono_literals;

namespace {

constexpr int beside = 40;

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
    auto output = chld::run(argv, chld::options().cwd("/").env("CHILD=" + name), {name});
    auto line = output.out.substr(0, output.out.find('\n'));
    return describe(output.status) + " out: " + line +
           " err: " + std::to_string(output.err.size()) + " bytes";
}

std::string limit(const chld::arguments &argv)
{
    auto output = chld::run(argv, {}, {"", 200ms, {{{SIGKILL, -1}}}});
    return describe(output.status) + (output.timed_out ? " at the limit" : " by itself");
}

std::string stop(const chld::arguments &argv)
{
    chld::child child(argv);
    auto stopped = child.wait_change(CHLD_WATCH_STOPPED);
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
    std::array<chld::child, beside> ours;
    chld::set set;
    int own_right = 0, ours_right = 0, told = 0;
    for (int i = 0; i < beside; i++) {
        own[i] = popen(("sleep 0.1; exit " + std::to_string(i)).c_str(), "r");
        chld::options how;
        how.raw.user = &ours[i];
        ours[i] = chld::child({"sh", "-c", "sleep 0.1; exit $0", std::to_string(100 + i)}, how);
        set.add(ours[i]);
    }
    for (; told < beside; told++) {
        auto event = set.next(std::chrono::seconds(30));
        if (!event)
            break;
        auto which = static_cast<chld::child *>(event->user) - ours.data();
        ours_right += event->id == ours[which].id() && event->status.code == 100 + which;
    }
    for (int i = 0; i < beside; i++) {
        int word = own[i] ? pclose(own[i]) : -1;
        own_right += WIFEXITED(word) && WEXITSTATUS(word) == i;
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
