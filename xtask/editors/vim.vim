" Vim does the deeds of `xtask/src/editors.rs` by ALE, with docs/editors/vim as its setup, and reports to $HLB_REPORT.

function! s:deed(name, Body) abort
  try
    call a:Body()
    let l:line = 'PASS ' . a:name
  catch
    let l:line = 'FAIL ' . a:name . ': ' . substitute(v:exception, '\_s\+', ' ', 'g')
  endtry
  call writefile([l:line], $HLB_REPORT, 'a')
endfunction

" What `Look` gives as soon as that is something.
function! s:wait(what, seconds, Look) abort
  let l:start = reltime()
  while reltimefloat(reltime(l:start)) < a:seconds
    let l:seen = a:Look()
    if !empty(l:seen)
      return l:seen
    endif
    sleep 20m
  endwhile
  throw 'no ' . a:what . ' within ' . a:seconds . ' s'
endfunction

" Puts the cursor on the beginning of a text.
function! s:go(text) abort
  call cursor(1, 1)
  if search('\V' . a:text, 'cW') == 0
    throw 'the buffer has no ' . a:text
  endif
endfunction

function! s:text(buffer) abort
  return join(getbufline(a:buffer, 1, '$'), "\n")
endfunction

function! s:has(buffer, text) abort
  return stridx(s:text(a:buffer), a:text) >= 0
endfunction

function! s:mistakes() abort
  return ale#engine#GetLoclist(bufnr('mistake.hlb'))
endfunction

function! s:diagnostics() abort
  edit mistake.hlb
  if &filetype !=# 'hlb'
    throw 'the file is not known to be HLB'
  endif
  call s:wait('diagnostic of mkdirr', 20, {-> filter(copy(s:mistakes()), {_, it -> it.text =~# 'mkdirr' && it.lnum == 5})})
endfunction

" What Vim does for CTRL-X CTRL-O, but not for ever: where does the word begin, and what may it become?
function! Complete() abort
  let l:start = call(&omnifunc, [1, ''])
  let l:found = s:wait('answer', 10, function('ale#completion#GetCompletionResult'))
  let s:completion = [l:start - stridx(getline('.'), 'mo'), map(copy(type(l:found) is v:t_dict ? l:found.words : l:found), 'v:val.word')]
  return ''
endfunction

function! s:completion() abort
  call s:go('with option {')
  let s:completion = [-1, []]
  " Only while one types does ALE take what the server answers.
  call feedkeys("omo\<C-R>=Complete()\<CR>\<Esc>", 'xt')
  undo
  let [l:off, l:words] = s:completion
  if l:off != 0 || empty(filter(copy(l:words), {_, word -> word =~# '^mount'}))
    throw 'mount is not offered ' . l:off . ' bytes behind the word, but: ' . join(l:words, ', ')
  endif
endfunction

" Only Vim has this: its own indentation takes `#` for C.
function! s:comment() abort
  call s:go('with option {')
  execute "normal o# why\<Esc>"
  let l:line = getline('.')
  undo
  if l:line !~# '^\t\+# why$'
    throw 'a comment begins the line: ' . l:line
  endif
endfunction

function! s:hover() abort
  call s:go('run ')
  ALEHover
  call s:wait('window with the signature of run', 10, {-> filter(range(1, winnr('$')),
  \ {_, it -> getwinvar(it, '&previewwindow') && s:has(winbufnr(it), 'run(variadic string arg')})})
  pclose
endfunction

function! s:definition() abort
  call s:go('run ')
  ALEGoToDefinition
  call s:wait('file of the standard library', 10, {-> expand('%:t') ==# 'builtin.hlb'})
  if stridx(getline('.'), 'fs run(') < 0
    throw 'the cursor is at: ' . getline('.')
  endif
endfunction

function! s:rename() abort
  edit build.hlb
  call s:go('package(content')
  " ALE asks for the new name, and offers the old one.
  call feedkeys(":ALERename\<CR>\<C-U>parcel\<CR>", 'xt')
  call s:wait('use of the new name', 10, {-> s:has(bufnr('build.hlb'), 'pack.parcel(content')})
  call s:wait('change of pack.hlb', 10, {-> s:has(bufnr('pack.hlb'), 'export fs parcel(')})
  if s:has(bufnr('build.hlb'), 'pack.package')
    throw 'a use keeps its name'
  endif
endfunction

function! s:run() abort
  buffer build.hlb
  call s:go('fs sources')
  " ALE knows no lenses: the command of the setup asks for them.
  HlbLens run
  let l:steps = '\d\+ steps\?, \d\+ cached'
  try
    call s:wait('number of steps', 60, {-> filter(term_list(), {_, it -> s:text(it) =~# l:steps})})
  catch
    throw v:exception . ': ' . join(map(term_list(), {_, it -> s:text(it)}), ' | ')
  endtry
endfunction

function! s:edit() abort
  buffer mistake.hlb
  let l:before = len(s:mistakes())
  call s:go('mkdirr')
  substitute/mkdirr/mkdir/
  " Vim says this by itself when nobody runs a script.
  doautocmd <nomodeline> TextChanged
  call s:wait('fewer diagnostics', 10, {-> len(s:mistakes()) < l:before})
endfunction

for s:name in ['diagnostics', 'completion', 'comment', 'hover', 'definition', 'rename', 'run', 'edit']
  call s:deed(s:name, function('s:' . s:name))
endfor
qall!
