// A text made tokens once: kept beside it in a file, NAME.tokens-MARK, found again by the next rank
// and the next run; in memory where no file can be written there.
//
// The mark depends on the tokenizer, and on the text's size and time. Tokens are uint32. Tested by
// train_tokenizer_test.cc.

#pragma once

#include "train/data/token_file.h"
#include "train/data/tokenizer.h"

namespace tutti::train {

/// Whether a file's name is that of tokens kept so.
bool is_kept_tokens(const std::string& path);

/// Ranks of a host may call it at once: one makes the tokens, the others wait for it. (They wait
/// for a lock, which the system takes from a process that ends.)
TokenFile tokenise(TokenFile text, const Tokenizer& tokenizer);

}  // namespace tutti::train
