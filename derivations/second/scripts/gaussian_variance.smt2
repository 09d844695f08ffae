; Var(aX + bY) for X and Y without covariance.  U = X - E X and V = Y - E Y have E U = E V = 0;
; uu, uv, vv are E U^2, E UV, E V^2.  The expectation of (aU + bV)^2 is linear in these.
(set-logic QF_NRA)
(declare-const a Real)
(declare-const b Real)
(declare-const uu Real)
(declare-const uv Real)
(declare-const vv Real)
(define-fun second_moment () Real (+ (* a a uu) (* 2 a b uv) (* b b vv)))
(define-fun claimed () Real (+ (* a a uu) (* b b vv)))
(assert (> uu 0))
(assert (> vv 0))
(assert (= uv 0))
(push 1)
(assert (not (= second_moment claimed)))
(check-sat)
(pop 1)
;@ witness (assert (and (= a 1) (= b 1) (= uu 1) (= vv 1)))
;@ wrong weights not squared
;@ (define-fun claimed () Real (+ (* a uu) (* b vv)))
;@ (assert (and (= a 2) (= b 1) (= uu 1) (= vv 1)))
;@ wrong minus
;@ (define-fun claimed () Real (- (* a a uu) (* b b vv)))
;@ (assert (and (= a 2) (= b 1) (= uu 1) (= vv 1)))
