;;; What a person has in the init file: eglot from Debian's packages, and docs/editors/hlb.el.  -*- lexical-binding: t -*-

(dolist (dir (file-expand-wildcards "/usr/share/emacs/site-lisp/elpa-src/*")) (add-to-list 'load-path dir))
(add-to-list 'load-path (getenv "HLB_SETUP"))
(setq inhibit-startup-screen t create-lockfiles nil make-backup-files nil auto-save-default nil)
;; The server may be slow to start on a machine that has much to do.
(setq eglot-sync-connect 30 eglot-connect-timeout 30 eglot-autoshutdown t)
(require 'hlb)
(add-hook 'hlb-mode-hook #'eglot-ensure)
