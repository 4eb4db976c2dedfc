// What the tables of tree-sitter cannot tell: which ends of lines end something, and where heredocs end.
//
// The grammar says where the end of a line may end something; everywhere else it is white space and nobody asks for it here.
// Of those that may, the ones in front of `else` and in front of the `if` of a comprehension end nothing.
//
// A heredoc is read in chunks, as `language/src/lexer/string.rs` does: white space, or all that stands between white space.
// Only at the start of a chunk can an escape or the closing word stand. The words of the heredocs that are open are kept,
// innermost last: one may stand in an interpolation of another.

#include "tree_sitter/parser.h"

#include <stdlib.h>
#include <string.h>

enum Token { NEWLINE, ELSE, FILTER, HEREDOC_START, HEREDOC_TEXT, HEREDOC_ESCAPE, HEREDOC_END, NEVER };

// For each heredoc that is open: whether it is raw, the length of its word, and the word.
typedef struct {
  unsigned length;
  char bytes[TREE_SITTER_SERIALIZATION_BUFFER_SIZE];
} Scanner;

// Behind the words stands the length of the last one, so that it can be found from the end.
enum { LONGEST_WORD = 200 };

void *tree_sitter_hlb_external_scanner_create(void) { return calloc(1, sizeof(Scanner)); }

void tree_sitter_hlb_external_scanner_destroy(void *payload) { free(payload); }

unsigned tree_sitter_hlb_external_scanner_serialize(void *payload, char *buffer) {
  Scanner *scanner = payload;
  memcpy(buffer, scanner->bytes, scanner->length);
  return scanner->length;
}

void tree_sitter_hlb_external_scanner_deserialize(void *payload, const char *buffer, unsigned length) {
  Scanner *scanner = payload;
  scanner->length = length;
  if (length > 0) memcpy(scanner->bytes, buffer, length);
}

static bool is_word(int32_t c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static bool is_space(int32_t c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f'; }

// Reads `<<WORD` and its variants behind the white space, and opens a heredoc.
static bool heredoc_start(Scanner *scanner, TSLexer *lexer) {
  for (int i = 0; i < 2; i++) {
    if (lexer->lookahead != '<') return false;
    lexer->advance(lexer, false);
  }
  if (lexer->lookahead == '-' || lexer->lookahead == '~') lexer->advance(lexer, false);
  bool raw = lexer->lookahead == '`';
  if (raw) lexer->advance(lexer, false);
  char word[LONGEST_WORD];
  unsigned length = 0;
  while (is_word(lexer->lookahead)) {
    if (length == LONGEST_WORD) return false;
    word[length++] = (char)lexer->lookahead;
    lexer->advance(lexer, false);
  }
  if (length == 0 || scanner->length + length + 2 > sizeof(scanner->bytes)) return false;
  if (raw) {
    if (lexer->lookahead != '`') return false;
    lexer->advance(lexer, false);
  }
  memcpy(scanner->bytes + scanner->length, word, length);
  scanner->length += length;
  scanner->bytes[scanner->length++] = (char)length;
  scanner->bytes[scanner->length++] = (char)raw;
  lexer->mark_end(lexer);
  lexer->result_symbol = HEREDOC_START;
  return true;
}

// Reads text up to what ends it, or what ends it if there is no text before.
static bool heredoc(Scanner *scanner, TSLexer *lexer, const bool *valid) {
  if (scanner->length < 2) return false;
  bool raw = scanner->bytes[scanner->length - 1] != 0;
  unsigned length = (unsigned char)scanner->bytes[scanner->length - 2];
  if (length + 2 > scanner->length) return false;
  const char *word = scanner->bytes + scanner->length - 2 - length;
  bool any = false;
  lexer->result_symbol = HEREDOC_TEXT;
  while (!lexer->eof(lexer)) {
    lexer->mark_end(lexer);
    if (!raw && lexer->lookahead == '$') {
      lexer->advance(lexer, false);
      if (lexer->lookahead == '{') return any;
      any = true;
      continue;
    }
    if (!raw && lexer->lookahead == '\\') {
      lexer->advance(lexer, false);
      if (lexer->lookahead != '\n' && !lexer->eof(lexer)) {
        if (any) return true;
        lexer->advance(lexer, false);
        lexer->mark_end(lexer);
        lexer->result_symbol = HEREDOC_ESCAPE;
        return valid[HEREDOC_ESCAPE];
      }
      any = true;
      continue;
    }
    if (is_space(lexer->lookahead)) {
      while (is_space(lexer->lookahead)) lexer->advance(lexer, false);
      any = true;
      continue;
    }
    unsigned same = 0;
    while (same < length && lexer->lookahead == word[same]) {
      lexer->advance(lexer, false);
      same++;
    }
    if (same == length && !is_word(lexer->lookahead)) {
      if (any) return true;
      lexer->mark_end(lexer);
      scanner->length -= length + 2;
      lexer->result_symbol = HEREDOC_END;
      return valid[HEREDOC_END];
    }
    while (!lexer->eof(lexer) && !is_space(lexer->lookahead) && (raw || lexer->lookahead != '$')) {
      lexer->advance(lexer, false);
    }
    any = true;
  }
  lexer->mark_end(lexer);
  return any;
}

// Whether a word of a few letters stands here, and nothing else.
static bool is_next(TSLexer *lexer, const char *word) {
  for (; *word; word++) {
    if (lexer->lookahead != *word) return false;
    lexer->advance(lexer, false);
  }
  return !is_word(lexer->lookahead) && lexer->lookahead != ':';
}

bool tree_sitter_hlb_external_scanner_scan(void *payload, TSLexer *lexer, const bool *valid) {
  Scanner *scanner = payload;
  // Where the parser looks for a way out of a mistake, everything is valid: then nothing is known of what is open.
  bool lost = valid[NEVER];
  if (!lost && valid[HEREDOC_TEXT]) return heredoc(scanner, lexer, valid);

  bool line = false, comment = false;
  bool ends = valid[NEWLINE] && !lost;
  bool words = (valid[ELSE] || valid[FILTER]) && !lost;
  while (is_space(lexer->lookahead)) {
    if (lexer->lookahead == '\n' && ends && !line) {
      line = true;
      lexer->advance(lexer, true);
      lexer->mark_end(lexer);
      lexer->result_symbol = NEWLINE;
      // What follows is only looked at.
      if (!words) return true;
    } else {
      lexer->advance(lexer, true);
    }
  }
  if (words) {
    while (lexer->lookahead == '#' || is_space(lexer->lookahead)) {
      if (lexer->lookahead == '#') {
        if (!line && ends) return false;
        comment = true;
        while (lexer->lookahead != '\n' && !lexer->eof(lexer)) lexer->advance(lexer, true);
      } else {
        lexer->advance(lexer, true);
      }
    }
    bool other = valid[ELSE] && lexer->lookahead == 'e';
    if ((other && is_next(lexer, "else")) || (valid[FILTER] && lexer->lookahead == 'i' && is_next(lexer, "if"))) {
      // A comment before it is a token of its own, and is read first.
      if (comment) return false;
      lexer->mark_end(lexer);
      lexer->result_symbol = other ? ELSE : FILTER;
      return true;
    }
    if (line) return true;
    if (other || comment) return false;
  }
  return valid[HEREDOC_START] && lexer->lookahead == '<' && heredoc_start(scanner, lexer);
}
