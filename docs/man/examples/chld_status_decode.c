/*
 * chld_status_decode.c - what chld_status_decode(3) shows. Prints:
 *   exited with code 3: in a shell, $? is 3
 *   killed by SIGTERM (terminated): in a shell, $? is 143
 */
#include <chld.h>
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    const char *commands[] = {"exit 3", "kill $$"};

    for (int i = 0; i < 2; i++) {
        int word = system(commands[i]); /* as waitpid() stores it */
        chld_status status;
        char text[80];

        if (chld_status_decode(word, &status) < 0 ||
            chld_status_text(&status, text, sizeof text) < 0)
            return 1;
        printf("%s: in a shell, $? is %d\n", text, chld_status_shell_code(&status));
    }
    return 0;
}
