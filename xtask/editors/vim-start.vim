" What a person has in ~/.vimrc and ~/.vim: ALE from Debian's package, and docs/editors/vim.

set nocompatible nomore hidden encoding=utf-8
let g:ale_hover_to_preview = 1
let g:ale_lint_delay = 0
set packpath+=/usr/share/vim/vimfiles
packadd ale
set runtimepath^=$HLB_SETUP/vim
runtime plugin/hlb.vim
filetype plugin indent on
syntax on
