" Colours for HLB by the look of words; what a word means only the server knows.

if exists('b:current_syntax')
  finish
endif

syntax keyword hlbKeyword import from export with as binds let assert type enum test fn variadic
syntax keyword hlbControl if else for in match
syntax keyword hlbConstant true false none
syntax keyword hlbType bool string int fs pipeline map void
syntax match hlbType /\<option\%(::\w\+\)\?\>/
syntax match hlbNumber /\<\%(0[xX]\x\+\|0[oO]\o\+\|0[bB][01]\+\|\d\+\)\>/
" A call: the first word of a statement, or a word with parentheses.
syntax match hlbFunction /\%(^\s\+\|[{;]\s\+\)\@<=\h\w*\%(\.\h\w*\)*\ze\s\+["`<[:alnum:]]/ contains=hlbKeyword,hlbControl,hlbType
" What stands behind a dot is no word of the language.
syntax match hlbMember /\.\h\w*/
syntax match hlbFunction /\.\h\w*\ze(/hs=s+1
syntax match hlbFunction /\h\w*\ze(/ contains=hlbKeyword,hlbControl,hlbType
syntax match hlbComment /#.*$/ contains=@Spell

syntax match hlbEscape /\\./ contained
syntax region hlbInterpolation matchgroup=hlbEscape start=/\${/ end=/}/ contained contains=TOP
syntax region hlbString start=/"/ skip=/\\./ end=/"/ contains=hlbEscape,hlbInterpolation
syntax region hlbString start=/`/ end=/`/
syntax region hlbString matchgroup=hlbKeyword start=/<<[-~]\?\z(\w\+\)/ end=/^\s*\z1\>/ contains=hlbEscape,hlbInterpolation
syntax region hlbString matchgroup=hlbKeyword start=/<<[-~]\?`\z(\w\+\)`/ end=/^\s*\z1\>/
syntax sync fromstart

highlight default link hlbKeyword Keyword
highlight default link hlbControl Conditional
highlight default link hlbConstant Boolean
highlight default link hlbType Type
highlight default link hlbNumber Number
highlight default link hlbFunction Function
highlight default link hlbComment Comment
highlight default link hlbEscape SpecialChar
highlight default link hlbString String

let b:current_syntax = 'hlb'
