(* The family q_sigma keeps the marginals: any number of steps down, from any level to any larger
   one, each with any admissible sigma.  A level is alpha_bar. *)
Require Import Reals Lra.
Open Scope R_scope.

(* x_s = sqrt(s) x_0 + sqrt(1 - s - sigma^2) (x_t - sqrt(t) x_0) / sqrt(1 - t) + sigma z, where t
   and s are the two levels: how it takes mean and variance (given x_0) along. *)
Definition gain (t s sigma : R) : R := sqrt (1 - s - sigma ^ 2) / sqrt (1 - t).
Definition next_mean (t s sigma x_0 mean : R) : R :=
  sqrt s * x_0 + gain t s sigma * (mean - sqrt t * x_0).
Definition next_variance (t s sigma variance : R) : R :=
  gain t s sigma ^ 2 * variance + sigma ^ 2.

Fixpoint mean (level sigma : nat -> R) (x_0 : R) (n : nat) : R :=
  match n with
  | O => sqrt (level 0%nat) * x_0
  | S k => next_mean (level k) (level n) (sigma n) x_0 (mean level sigma x_0 k)
  end.
Fixpoint variance (level sigma : nat -> R) (n : nat) : R :=
  match n with
  | O => 1 - level 0%nat
  | S k => next_variance (level k) (level n) (sigma n) (variance level sigma k)
  end.

(* Levels stay below 1 until the last, which may be 1 (x_0 itself). *)
Definition admissible (level sigma : nat -> R) (n : nat) : Prop :=
  (forall k, 0 < level k) /\ (forall k, (k < n)%nat -> level k < 1) /\ level n <= 1 /\
  (forall k, 0 <= sigma k) /\ (forall k, sigma k ^ 2 <= 1 - level k).

Definition marginal_is (mean_of : R -> R -> R) (variance_of : R -> R) : Prop :=
  forall level sigma x_0 n, admissible level sigma n ->
  mean level sigma x_0 n = mean_of (level n) x_0 /\
  variance level sigma n = variance_of (level n).

Theorem ddim_holds : marginal_is (fun a x_0 => sqrt a * x_0) (fun a => 1 - a).
Proof.
  intros level sigma x_0 n (positive & below & last & up & small).
  induction n as [|n IH]; [split; reflexivity|].
  assert (Hn : level n < 1) by (apply below; auto).
  destruct IH as [m v].
  - intros k Hk. apply below. auto.
  - lra.
  - specialize (small (S n)).
    assert (root : 0 < sqrt (1 - level n)) by (apply sqrt_lt_R0; lra).
    cbn [mean variance]. rewrite m, v. unfold next_mean, next_variance, gain. split.
    + field. lra.
    + unfold Rdiv. rewrite Rpow_mult_distr, pow_inv, !pow2_sqrt by lra. field. lra.
Qed.

(* Two levels, 1/4 and then 1/2, with sigma^2 = 1/4. *)
Definition levels (k : nat) : R := match k with O => 1 / 4 | _ => 1 / 2 end.
Lemma levels_admissible : admissible levels (fun _ => 1 / 2) 1.
Proof.
  unfold admissible, levels. repeat split; try (intros [|k]; intros; simpl; lra). lra.
Qed.

Theorem ddim_wrong_deviation_for_variance :
  ~ marginal_is (fun a x_0 => sqrt a * x_0) (fun a => sqrt (1 - a)).
Proof.
  intro claim. destruct (claim _ _ 0 1%nat levels_admissible) as [_ v].
  destruct (ddim_holds _ _ 0 1%nat levels_admissible) as [_ w].
  rewrite w in v. unfold levels in v. assert (s := sqrt_sqrt (1 - 1 / 2)). nra.
Qed.

Theorem ddim_wrong_no_root : ~ marginal_is (fun a x_0 => a * x_0) (fun a => 1 - a).
Proof.
  intro claim. destruct (claim _ _ 1 1%nat levels_admissible) as [m _].
  destruct (ddim_holds _ _ 1 1%nat levels_admissible) as [w _].
  rewrite w in m. unfold levels in m. assert (s := sqrt_sqrt (1 / 2)). nra.
Qed.
