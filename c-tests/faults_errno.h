/* Errnos by name, both ways. */
#ifndef FAULTS_ERRNO_H
#define FAULTS_ERRNO_H

/* 0 if nobody here knows the name. */
int errno_number(const char *name);

/* "?" if nobody here knows the number. */
const char *errno_name(int number);

#endif
