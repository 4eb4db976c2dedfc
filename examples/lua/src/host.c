/* A program around Lua: it gives the script one function of its own and runs it.
 *
 * The script is not read from a file. The linker put its text into this program. */

#include <stdio.h>
#include <string.h>

#include "lauxlib.h"
#include "lua.h"
#include "lualib.h"

extern const char _binary_main_lua_start[];
extern const char _binary_main_lua_end[];

/* host.fnv(text): the 32-bit FNV-1a hash of a text, in hex. */
static int fnv(lua_State *state) {
    size_t length = 0;
    const char *text = luaL_checklstring(state, 1, &length);
    unsigned hash = 2166136261u;
    for (size_t i = 0; i < length; i++) {
        hash = (hash ^ (unsigned char)text[i]) * 16777619u;
    }
    char hex[9];
    snprintf(hex, sizeof hex, "%08x", hash);
    lua_pushstring(state, hex);
    return 1;
}

static const luaL_Reg functions[] = {{"fnv", fnv}, {NULL, NULL}};

int main(void) {
    lua_State *state = luaL_newstate();
    if (state == NULL) {
        fputs("lua-demo: out of memory\n", stderr);
        return 1;
    }
    luaL_openlibs(state);
    luaL_newlib(state, functions);
    lua_setglobal(state, "host");

    size_t length = (size_t)(_binary_main_lua_end - _binary_main_lua_start);
    int status = luaL_loadbuffer(state, _binary_main_lua_start, length, "=main.lua");
    if (status == LUA_OK) {
        status = lua_pcall(state, 0, 0, 0);
    }
    if (status != LUA_OK) {
        fprintf(stderr, "lua-demo: %s\n", lua_tostring(state, -1));
    }
    lua_close(state);
    return status == LUA_OK ? 0 : 1;
}
