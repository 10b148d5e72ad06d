# Unsets the variables of the environment that would change the program's behaviour. For scripts that source it.
# shellcheck shell=bash

while IFS='=' read -r name _; do
    case $name in
        PHASELINE_PG_BINDIR) ;;
        DATABASE_URL | PG* | PHASELINE_*) unset "$name" ;;
    esac
done < <(env)
