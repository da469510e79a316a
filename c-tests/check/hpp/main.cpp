/*
 * main.cpp - calls the tests of chld.hpp. Built with sanitizers where there are any.
 */
#include <unistd.h>

void errors();
void children();
void starting();
void streams();
void captures();
void functions();
void pipelines();
void sets();
void set_captures();

int main()
{
    alarm(200); // if a wait does not end
    errors();
    children();
    starting();
    streams();
    captures();
    functions();
    pipelines();
    sets();
    set_captures();
}
