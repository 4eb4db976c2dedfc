;;; hlb.el --- HLB in Emacs -*- lexical-binding: t -*-

;; For Emacs 28 with eglot 1.9, and later ones.  Copy this file to a directory of `load-path', and write into your init file:
;;
;;   (require 'hlb)
;;   (add-hook 'hlb-mode-hook #'eglot-ensure)
;;
;; `hlb-mode' colours, comments and indents; eglot and the language server do the rest: mistakes are shown while typing,
;; M-. goes to a definition, C-M-i completes, M-x eglot-rename renames.  M-x hlb-run builds a target, M-x hlb-test runs tests,
;; M-x hlb-why tells why the last build did what it did, and M-x hlb-lens does what the lens of the line, which eglot does not
;; show, says.

;;; Code:

(require 'cl-lib)
(require 'compile)
(require 'eglot)
(require 'project)

(defgroup hlb nil "The HLB build language." :group 'languages)

(defcustom hlb-program "hlbc" "The command hlbc." :type 'string)

(defcustom hlb-server nil "The command of the language server and its arguments; nil finds it."
  :type '(choice (const nil) (repeat string)))

;; ---- The language

(defvar hlb-mode-syntax-table
  (let ((table (make-syntax-table)))
    (modify-syntax-entry ?# "<" table)
    (modify-syntax-entry ?\n ">" table)
    (modify-syntax-entry ?_ "w" table)
    (modify-syntax-entry ?` "\"" table)
    (modify-syntax-entry ?' "." table)
    (dolist (sign '(?+ ?- ?* ?/ ?% ?= ?! ?< ?> ?& ?| ??)) (modify-syntax-entry sign "." table))
    table))

(defvar hlb-font-lock-keywords
  `((,(regexp-opt '("import" "export" "with" "as" "let" "assert" "if" "else" "for" "in" "match" "fn" "variadic") 'words)
     . font-lock-keyword-face)
    ("^\\(?:export\\s-+\\)?\\_<\\(type\\|enum\\|test\\)\\_>" 1 font-lock-keyword-face)
    ("\\_<\\(from\\)\\_>\\s-*[\"`]" 1 font-lock-keyword-face)
    (")\\s-*\\(binds\\)\\_>" 1 font-lock-keyword-face)
    ("\\_<\\(true\\|false\\|none\\)\\_>" . font-lock-constant-face)
    ("\\_<\\(bool\\|string\\|int\\|fs\\|pipeline\\|map\\|void\\|option\\(?:::\\w+\\)?\\)\\_>" . font-lock-type-face)
    ("^\\(?:export\\s-+\\)?\\(?:type\\|enum\\)\\s-+\\(\\w+\\)" 1 font-lock-type-face)
    ;; A declaration: a type, a name and parameters.
    ("^\\(?:export\\s-+\\)?[][A-Za-z.:]+\\??\\s-+\\(\\w+\\)\\(?:<[^>]*>\\)?(" 1 font-lock-function-name-face)
    ("\\_<let\\s-+\\(\\w+\\)" 1 font-lock-variable-name-face)
    ;; A call: the first word of a statement.
    ("^\\s-+\\(\\(?:\\w+\\.\\)*\\w+\\)\\_>\\s-*[^=:.,\\s-]" 1 font-lock-builtin-face)
    ("\\_<\\(0[xX][0-9a-fA-F]+\\|0[oO][0-7]+\\|0[bB][01]+\\|[0-9]+\\)\\_>" . font-lock-constant-face)))

(defun hlb--propertize (start end)
  "Mark the heredocs that begin between START and END as strings, up to their closing words."
  (goto-char start)
  (while (and (< (point) end) (re-search-forward "<<[-~]?`?\\([A-Za-z0-9_]+\\)`?" end t))
    (let ((word (match-string 1)) (open (match-beginning 0)))
      (when (and (not (nth 8 (save-excursion (syntax-ppss open))))
                 (re-search-forward (format "^[ \t]*\\(%s\\)\\_>" (regexp-quote word)) nil t))
        (let ((close (match-beginning 1)))
          (put-text-property open (1+ open) 'syntax-table (string-to-syntax "|"))
          (put-text-property (1- close) close 'syntax-table (string-to-syntax "|"))
          (put-text-property open close 'syntax-multiline t))))))

(defun hlb-indent-line ()
  "Indent the line: one step for each bracket that is open; the lines of strings stay as they are."
  (interactive)
  (let* ((state (save-excursion (syntax-ppss (line-beginning-position))))
         (close (save-excursion (back-to-indentation) (looking-at "[])}]")))
         (lines (mapcar #'line-number-at-pos (nth 9 state)))
         ;; Brackets that open on one line are one step.
         (depth (length (delete-dups lines))))
    (if (nth 3 state)
        'noindent
      (let ((column (* tab-width (if close (max 0 (1- depth)) depth))))
        (if (<= (current-column) (current-indentation))
            (indent-line-to column)
          (save-excursion (indent-line-to column)))))))

;;;###autoload
(define-derived-mode hlb-mode prog-mode "HLB"
  "Major mode for programs in HLB."
  (setq-local comment-start "# " comment-start-skip "#+\\s-*" comment-end "")
  (setq-local font-lock-defaults '(hlb-font-lock-keywords))
  (setq-local syntax-propertize-function #'hlb--propertize)
  (add-hook 'syntax-propertize-extend-region-functions #'syntax-propertize-multiline 'append 'local)
  (setq-local indent-line-function #'hlb-indent-line indent-tabs-mode t tab-width 4)
  (setq-local electric-indent-chars (append "{}[]()" electric-indent-chars)))

(define-key hlb-mode-map (kbd "C-c C-c") #'hlb-run)
(define-key hlb-mode-map (kbd "C-c C-t") #'hlb-test)
(define-key hlb-mode-map (kbd "C-c C-l") #'hlb-lens)

;;;###autoload
(add-to-list 'auto-mode-alist '("\\.hlb\\'" . hlb-mode))

;; ---- The server

(defun hlb--contact (&rest _)
  "The command of the language server."
  (cond (hlb-server) ((executable-find "hlb-lsp") '("hlb-lsp")) (t (list hlb-program "lsp"))))

(add-to-list 'eglot-server-programs '(hlb-mode . hlb--contact))

(defun hlb--project (dir)
  "The project of DIR, in buffers with programs: the nearest directory with one of the markers."
  (when (derived-mode-p 'hlb-mode)
    (let ((root (locate-dominating-file
                 dir (lambda (dir)
                       (cl-some (lambda (marker) (file-exists-p (expand-file-name marker dir)))
                                '("hlb.lock" "build.hlb" ".git"))))))
      (cons 'transient (or root dir)))))

(add-hook 'project-find-functions #'hlb--project)

;; ---- What lenses say

(defun hlb--compile (&rest words)
  "Run hlbc with WORDS in a buffer in which places of mistakes can be followed."
  (compile (mapconcat #'shell-quote-argument (cons hlb-program words) " ")))

(add-to-list 'compilation-error-regexp-alist 'hlb)
(add-to-list 'compilation-error-regexp-alist-alist '(hlb "┌─ \\(.+\\.hlb\\):\\([0-9]+\\):\\([0-9]+\\)" 1 2 3))

(defun hlb-run (target)
  "Build TARGET of this file."
  (interactive (list (read-string "Target: " nil nil "default")))
  (hlb--compile "run" "-f" (buffer-file-name) target))

(defun hlb-test (&optional name)
  "Run the tests of this file whose names contain NAME."
  (interactive (list (read-string "Tests whose names contain (all): ")))
  (apply #'hlb--compile "test" "-f" (buffer-file-name) (if (member name '(nil "")) nil (list name))))

(defun hlb-why ()
  "Tell why the steps of the last build ran."
  (interactive)
  (hlb--compile "why"))

(defun hlb--command (command)
  "Do what COMMAND, that of a lens, says: a name, and the URI of a file and a target."
  (let* ((arguments (append (plist-get command :arguments) nil))
         (uri-to-path (if (fboundp 'eglot-uri-to-path) 'eglot-uri-to-path 'eglot--uri-to-path))
         (file (funcall uri-to-path (car arguments))))
    (pcase (plist-get command :command)
      ("hlb.run" (hlb--compile "run" "-f" file (cadr arguments)))
      ("hlb.test" (hlb--compile "test" "-f" file "--exact" "--" (cadr arguments)))
      ("hlb.why" (hlb-why))
      (name (user-error "Emacs has no %s" name)))))

(defun hlb--lenses ()
  "The lenses of this file whose commands are known here."
  (let ((path-to-uri (if (fboundp 'eglot-path-to-uri) 'eglot-path-to-uri 'eglot--path-to-uri)))
    (seq-filter
     (lambda (lens) (member (plist-get (plist-get lens :command) :command) '("hlb.run" "hlb.test" "hlb.why")))
     (jsonrpc-request (or (eglot-current-server) (user-error "No language server here; M-x eglot starts it"))
                      :textDocument/codeLens
                      (list :textDocument (list :uri (funcall path-to-uri (buffer-file-name))))))))

(defun hlb-lens ()
  "Do what the lens of this line says; where there are several, ask which."
  (interactive)
  (let* ((line (1- (line-number-at-pos nil t)))
         (here (seq-filter
                (lambda (lens) (= line (plist-get (plist-get (plist-get lens :range) :start) :line)))
                (hlb--lenses)))
         (titled (mapcar (lambda (lens) (cons (plist-get (plist-get lens :command) :title) lens)) here))
         (chosen (cond ((null titled) (user-error "No lens on this line"))
                       ((cdr titled) (cdr (assoc (completing-read "Lens: " titled nil t) titled)))
                       (t (cdar titled)))))
    (hlb--command (plist-get chosen :command))))

(provide 'hlb)
;;; hlb.el ends here
